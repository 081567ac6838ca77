package io.github.slidestream.qupath.core;

import io.github.slidestream.qupath.engine.LoadedModel;
import io.github.slidestream.qupath.engine.Pixels;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Supplier;
import org.locationtech.jts.geom.Envelope;
import org.locationtech.jts.geom.Geometry;

/** An image of QuPath, most often the one that is open, as far as a run needs it. */
public interface OpenImage extends AutoCloseable {
    /** Gives back what reading it takes. Only whoever opened it calls this: never for the image in a viewer. */
    @Override
    void close();

    /** @return for messages */
    String name();

    /** @return width in pixels */
    int width();

    /** @return height in pixels */
    int height();

    /** @return what QuPath says of the pixel size, micrometres across; empty if it is not calibrated */
    OptionalDouble micronsAcross();

    /** @return likewise, down */
    OptionalDouble micronsDown();

    /** @return are its pixels 8-bit RGB? */
    boolean isRgb();

    /** @return has the user set its type to fluorescence? */
    boolean isFluorescence();

    /** @return names of the channels */
    List<String> channels();

    /** @return largest value that a channel can hold by its type; 1 for floating point */
    double largestValue();

    /** @return what decides whether the engine may read the file itself */
    ServerFacts server();

    /** @return annotations with an area and cores that are selected, annotations, cores that are not missing */
    Counts counts();

    /**
     * What to segment.
     *
     * @param where which part
     * @return the targets in the hierarchy's order; empty if there is none
     */
    List<Target> targets(Where where);

    /**
     * The image through QuPath.
     *
     * @param channels for an image that is not RGB, else null
     * @param z slice
     * @param t time point
     * @return its pixels
     */
    Pixels pixels(Channels channels, int z, int t);

    /**
     * Annotations and detections that have an area, for training.
     *
     * @return in the hierarchy's order
     */
    List<Labelled> labelled();

    /**
     * Reads a piece of the image as RGB.
     *
     * @param region left, top, width and height in image pixels
     * @param downsample image pixels for one pixel of the result
     * @param channels for an image that is not RGB, else null
     * @param z slice
     * @param t time point
     * @return the piece, of about width and height divided by the downsample
     * @throws IOException if it cannot be read
     */
    BufferedImage read(int[] region, double downsample, Channels channels, int z, int t) throws IOException;

    /**
     * Puts what was found below its target, in place of what an earlier run put there, and fires one event. Called off JavaFX's
     * thread.
     *
     * @param target whose
     * @param found what was found, in image pixels
     * @param model names and colours of the classes
     * @param output detections or annotations
     */
    void replace(Target target, List<FoundObject> found, LoadedModel model, Output output);

    /**
     * Sets numbers of a target and takes away those of an earlier run of the same model.
     *
     * @param target whose
     * @param prefix of the names of the numbers of this model
     * @param numbers names and values
     */
    void measure(Target target, String prefix, Collection<Tally.Number> numbers);

    /**
     * Writes a line into the image's workflow.
     *
     * @param title for the list
     * @param script what does the same again
     */
    void remember(String title, String script);

    /**
     * An object of the user's.
     *
     * @param className its class; empty if it has none
     * @param box around it, in image pixels
     * @param shape makes its outline, which costs something
     * @param z slice
     * @param t time point
     */
    record Labelled(String className, Envelope box, Supplier<Geometry> shape, int z, int t) {
        /**
         * With an outline that is there already.
         *
         * @param className its class; empty if it has none
         * @param outline in image pixels
         * @param z slice
         * @param t time point
         */
        public Labelled(String className, Geometry outline, int z, int t) {
            this(className, outline.getEnvelopeInternal(), () -> outline, z, t);
        }

        /** @return its outline, in image pixels */
        public Geometry outline() {
            return shape.get();
        }
    }

    /**
     * What a selection holds.
     *
     * @param selectedAnnotations with an area
     * @param selectedCores not missing
     * @param annotations with an area
     * @param cores not missing
     */
    record Counts(int selectedAnnotations, int selectedCores, int annotations, int cores) {
        /**
         * @param where which part
         * @return how many targets it has
         */
        public int of(Where where) {
            return switch (where) {
                case SELECTED -> selectedAnnotations + selectedCores;
                case ANNOTATIONS -> annotations;
                case CORES -> cores;
                case TISSUE, EVERYWHERE -> 1;
            };
        }
    }
}
