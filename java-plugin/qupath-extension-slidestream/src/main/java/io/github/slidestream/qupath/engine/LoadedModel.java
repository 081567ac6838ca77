package io.github.slidestream.qupath.engine;

import java.util.List;

/**
 * A model that is ready.
 *
 * @param name its name
 * @param version of the weights
 * @param instances does it find single objects, or else regions, which are cut at the annotation's border?
 * @param mpp micrometres per pixel
 * @param classes in the order of the numbers in {@link ObjectBatch#classes()}
 * @param measurements names of the measurements of each object, in the order of {@link ObjectBatch#measurements()}
 * @param device where it computes, and why there
 */
public record LoadedModel(
        String name,
        String version,
        boolean instances,
        double mpp,
        List<ModelClass> classes,
        List<String> measurements,
        String device) {
    /**
     * A class of a model.
     *
     * @param name as it appears in QuPath
     * @param rgb {@code 0xRRGGBB}
     * @param reported are there objects of it? Not of background and boundary
     */
    public record ModelClass(String name, int rgb, boolean reported) {}
}
