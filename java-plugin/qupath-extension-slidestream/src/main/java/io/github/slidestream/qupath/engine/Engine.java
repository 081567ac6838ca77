package io.github.slidestream.qupath.engine;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Whoever computes. All methods block and may be called from any thread but JavaFX's. */
public interface Engine {
    /**
     * The model packages that can be used.
     *
     * @param folder one more folder to look in, the user's; may be absent on disk
     * @return sorted by name; unsound ones too, with the reason in {@link ModelCard#title()}
     * @throws EngineException if the engine does not start
     */
    List<ModelCard> models(Path folder) throws EngineException;

    /**
     * Every device that there is or could be.
     *
     * @return the one that {@code auto} takes first
     * @throws EngineException if the engine does not start
     */
    List<Device> devices() throws EngineException;

    /**
     * Loads a model.
     *
     * @param model name of a package or its folder
     * @param device as {@link Device#name()}, or {@code auto}
     * @param threads of one forward pass; 0 for as many as there are cores
     * @return what the model is
     * @throws EngineException if there is no such model, it is unsound or the device cannot be used
     */
    LoadedModel load(String model, String device, int threads) throws EngineException;

    /**
     * What a file says about itself.
     *
     * @param file a slide
     * @return OpenSlide's properties, and {@code level0.width} and {@code level0.height} in pixels
     * @throws EngineException if it cannot be opened
     */
    Map<String, String> fileProperties(Path file) throws EngineException;

    /**
     * Segments one area of one image.
     *
     * @param job what and how
     * @param listener is told of progress and gets the objects, which go nowhere else
     * @param cancel stops it
     * @throws EngineException for everything that fails
     * @throws CancelledException if it was stopped
     */
    void segment(SegmentJob job, Listener listener, Cancel cancel) throws EngineException, CancelledException;

    /**
     * Trains a segmentation model.
     *
     * @param job the configuration and where to write
     * @param listener is told of progress
     * @param cancel stops it with its state saved
     * @throws EngineException for everything that fails
     * @throws CancelledException if it was stopped
     */
    void fineTune(TrainJob job, Listener listener, Cancel cancel) throws EngineException, CancelledException;

    /**
     * Pre-trains a network without labels; arguments as in {@link #fineTune}.
     *
     * @param job the configuration and where to write
     * @param listener is told of progress
     * @param cancel stops it with its state saved
     * @throws EngineException for everything that fails
     * @throws CancelledException if it was stopped
     */
    void preTrain(TrainJob job, Listener listener, Cancel cancel) throws EngineException, CancelledException;

    /**
     * What to paste into a report about a problem.
     *
     * @return several lines; never fails
     */
    String describe();
}
