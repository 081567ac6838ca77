package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.ModelCard;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import javafx.application.Platform;

/** Models and devices, asked for in the background: the first question starts the engine. */
final class ModelChoice {
    private final RunBox.Source source;
    private final Executor background;
    private List<ModelCard> models = List.of();
    private List<Device> devices = List.of();
    private String problem = Strings.get("engine.starting");

    ModelChoice(RunBox.Source source, Executor background) {
        this.source = source;
        this.background = background;
    }

    /** Asks, and calls back on JavaFX's thread. */
    void load(Path folder, Runnable done) {
        background.execute(() -> {
            List<ModelCard> found = List.of();
            List<Device> known = List.of();
            String failed = null;
            try {
                Engine engine = source.get();
                found = engine.models(folder);
                known = engine.devices();
                failed = found.isEmpty() ? Strings.get("engine.no-models", folder) : null;
            } catch (EngineException error) {
                failed = error.getMessage();
            } catch (RuntimeException | LinkageError error) {
                failed = Strings.get("run.defect", error);
            }
            List<ModelCard> newModels = found;
            List<Device> newDevices = known;
            String newProblem = failed;
            Platform.runLater(() -> {
                models = newModels;
                devices = newDevices;
                problem = newProblem;
                done.run();
            });
        });
    }

    List<ModelCard> models() {
        return models;
    }

    /** All devices, after the choice to leave it to the engine. */
    List<Device> devices() {
        List<Device> all = new ArrayList<>();
        String first = devices.isEmpty() ? "" : Strings.get("device.auto", devices.get(0).name(), devices.get(0).reason());
        all.add(new Device(Device.AUTO, true, first));
        all.addAll(devices);
        return all;
    }

    /** Why there is none, or null. */
    String problem() {
        return problem;
    }
}
