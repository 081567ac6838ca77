package io.github.slidestream.qupath.core;

import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.ModelCard;
import java.util.Optional;

/**
 * Whether a segmentation can start.
 *
 * @param image what is open; null if nothing is
 * @param problem of the engine; null if it runs
 * @param model chosen; null if none is
 * @param device chosen; null for {@code auto}
 * @param where chosen
 * @param channels for an image that is not RGB; null if they are not chosen
 * @param channelProblem why the fields for the channels cannot be used; null if they can
 * @param fluorescence did the user allow fluorescence?
 * @param state of the last run
 */
public record Readiness(
        OpenImage image,
        String problem,
        ModelCard model,
        Device device,
        Where where,
        Channels channels,
        String channelProblem,
        boolean fluorescence,
        RunState state) {

    /** @return why not, with the cure; empty if it can */
    public Optional<String> refusal() {
        if (state.isBusy()) {
            return Optional.of("A segmentation is running.");
        }
        if (problem != null) {
            return Optional.of(problem);
        }
        if (image == null) {
            return Optional.of("No image is open.");
        }
        if (model == null) {
            return Optional.of("Choose a model.");
        }
        if (!model.usable()) {
            return Optional.of("The model " + model.name() + " cannot be used: " + model.title());
        }
        if (device != null && !device.available()) {
            return Optional.of("The device " + device.name() + " cannot be used: " + device.reason());
        }
        Optional<String> size = new PixelSize(image.micronsAcross(), image.micronsDown(), model.mpp()).refusal();
        if (size.isPresent()) {
            return size;
        }
        if (!image.isRgb() && channels == null) {
            return Optional.of(channelProblem != null
                    ? channelProblem
                    : "The image is not RGB. Choose the channels that the model shall see as red, green and blue.");
        }
        if (image.isRgb() && image.isFluorescence() && !fluorescence) {
            return Optional.of("The image is fluorescence, and the model was made for brightfield. Allow it below, or correct the "
                    + "type in the Image tab.");
        }
        return selection();
    }

    private Optional<String> selection() {
        if (image.counts().of(where) > 0) {
            return Optional.empty();
        }
        return Optional.of(switch (where) {
            case SELECTED -> "Nothing is selected. Select annotations or TMA cores, or choose another part.";
            case ANNOTATIONS -> "There is no annotation with an area. Draw one, or choose another part.";
            case CORES -> "There is no TMA core. Use TMA > TMA dearrayer first, or choose another part.";
            case TISSUE, EVERYWHERE -> "The image is empty.";
        });
    }
}
