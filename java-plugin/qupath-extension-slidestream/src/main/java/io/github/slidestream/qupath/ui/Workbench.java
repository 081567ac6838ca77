package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.core.FoundObject;
import io.github.slidestream.qupath.core.OpenImage;
import io.github.slidestream.qupath.core.SlideRoute;
import io.github.slidestream.qupath.engine.LoadedModel;
import io.github.slidestream.qupath.train.Annotated;
import io.github.slidestream.qupath.train.PretrainRun;
import io.github.slidestream.qupath.train.ReviewQueue;
import java.util.List;

/** The program around the dialogs. Methods are called on JavaFX's thread where nothing else is said. */
public interface Workbench {
    /** @return the image in the active viewer; null if none is open */
    OpenImage image();

    /**
     * Calls back on JavaFX's thread when another image is open, or its selection, objects or pixel size may have changed.
     *
     * @param changed what to call
     */
    void watch(Runnable changed);

    /** @return names of the classes in QuPath's list, those of the open image's objects included; sorted */
    List<String> classes();

    /**
     * @param className a class of QuPath
     * @return its colour, as 0xRRGGBB
     */
    int color(String className);

    /**
     * The project's other images that have regions of a class, with what was annotated in them when they were last saved; not on
     * JavaFX's thread. Whoever asks closes them.
     *
     * @param regionClass class of the regions
     * @return the images, and the reasons why others cannot be opened
     */
    Others others(String regionClass);

    /**
     * Other images of a project.
     *
     * @param images with their annotations
     * @param problems one line for each image that cannot be opened
     */
    record Others(List<Annotated> images, List<String> problems) implements AutoCloseable {
        @Override
        public void close() {
            images.forEach(one -> one.image().close());
        }
    }

    /**
     * Shows objects that are not in the hierarchy yet; any thread.
     *
     * @param found in image pixels
     * @param model their classes and colours
     */
    void preview(List<FoundObject> found, LoadedModel model);

    /** Takes the preview away; any thread. */
    void clearPreview();

    /**
     * The project's images; not on JavaFX's thread.
     *
     * @param properties opens files, to see whether the engine can read them
     * @return all of them, with the reason where one cannot be used; empty without a project
     */
    List<PretrainRun.Slide> slides(SlideRoute.Properties properties);

    /** @return are there objects with a probability in the open image? */
    boolean anySeen();

    /** @return objects with a probability in the open image */
    List<ReviewQueue.Seen> seen();

    /**
     * Moves the view.
     *
     * @param square to look at
     */
    void go(ReviewQueue.Square square);

    /**
     * Draws a rectangle around a square.
     *
     * @param square where
     * @param className class of the annotation
     */
    void addRegion(ReviewQueue.Square square, String className);
}
