package io.github.slidestream.qupath.engine;

import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/**
 * One area of one image to segment.
 *
 * @param file the image's file, or null if {@code pixels} gives the pixels
 * @param pixels the image, or null if {@code file} names it
 * @param mpp micrometres per level-0 pixel, as QuPath says
 * @param area where to look
 * @param model name or folder of the package
 * @param device as {@link Device#name()}, or {@code auto}
 * @param threads of one forward pass; 0 for as many as there are cores
 * @param tile edge of a tile in pixels at the model's resolution; the model's own if absent
 * @param halo context around a tile's core, likewise
 */
public record SegmentJob(
        Path file,
        Pixels pixels,
        double mpp,
        Area area,
        String model,
        String device,
        int threads,
        OptionalInt tile,
        OptionalInt halo) {
    /** Checks that there is one image. */
    public SegmentJob {
        if ((file == null) == (pixels == null)) {
            throw new IllegalArgumentException("give either a file or pixels");
        }
    }

    /** Where to look. */
    public sealed interface Area {}

    /** Where the tissue detector finds tissue. */
    public record Tissue() implements Area {}

    /** Everywhere. */
    public record Everywhere() implements Area {}

    /**
     * Inside polygons.
     *
     * @param polygons each is its outer ring and its holes; a ring is x and y by turns, level-0 pixels of the file or pixels
     */
    public record Outlines(List<List<double[]>> polygons) implements Area {}
}
