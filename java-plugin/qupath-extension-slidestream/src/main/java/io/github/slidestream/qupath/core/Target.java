package io.github.slidestream.qupath.core;

import org.locationtech.jts.geom.Geometry;

/**
 * A part of the image to segment, and the parent of what is found there.
 *
 * @param handle the host's own object, handed back to it
 * @param name for messages
 * @param outline in image pixels; null for the whole image
 * @param z slice, from 0
 * @param t time point, from 0
 */
public record Target(Object handle, String name, Geometry outline, int z, int t) {}
