package io.github.slidestream.qupath.core;

import java.net.URI;
import java.util.List;

/**
 * What QuPath's image server says about itself.
 *
 * @param className the server's class
 * @param uris where it reads
 * @param args its arguments, such as {@code --no-crop}
 * @param width of the image in pixels
 * @param height of the image in pixels
 * @param slices z and t planes together
 */
public record ServerFacts(String className, List<URI> uris, List<String> args, int width, int height, int slices) {}
