package io.github.slidestream.qupath.train;

/**
 * A class of annotations that a model shall find.
 *
 * @param name in QuPath
 * @param rgb its colour, as 0xRRGGBB
 */
public record ObjectClass(String name, int rgb) {}
