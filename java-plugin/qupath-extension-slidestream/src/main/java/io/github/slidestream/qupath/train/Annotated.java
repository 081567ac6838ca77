package io.github.slidestream.qupath.train;

import io.github.slidestream.qupath.core.OpenImage;
import java.util.List;

/**
 * An image with what is annotated in it.
 *
 * @param image gives pixels
 * @param labelled annotations and detections that have an area
 */
public record Annotated(OpenImage image, List<OpenImage.Labelled> labelled) {
    /**
     * As it is now.
     *
     * @param image gives pixels and annotations
     */
    public Annotated(OpenImage image) {
        this(image, image.labelled());
    }
}
