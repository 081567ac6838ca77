package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.core.RunState;
import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.EngineSetup;
import io.github.slidestream.qupath.engine.Listener.Progress;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Executor;
import javafx.fxml.FXML;
import javafx.scene.Parent;
import javafx.scene.control.Label;
import javafx.scene.control.TextField;
import javafx.scene.layout.VBox;
import javafx.stage.FileChooser;

/** The dialog that puts the engine on this computer. */
public final class InstallController {
    private static final double MEGABYTE = 1e6;

    @FXML private Label state;
    @FXML private TextField source;
    @FXML private TextField sum;
    @FXML private VBox runPlace;

    private final EngineSetup setup;
    private final SegmentController.EngineSource engine;
    private final Executor background;
    private final Runnable installed;
    private final RunBox run;

    /**
     * @param setup installs
     * @param engine asked whether there is one
     * @param background runs what takes long
     * @param installed told when a new engine is there; off JavaFX's thread
     */
    public InstallController(EngineSetup setup, SegmentController.EngineSource engine, Executor background, Runnable installed) {
        this.setup = setup;
        this.engine = engine;
        this.background = background;
        this.installed = installed;
        this.run = new RunBox(() -> null, background, this::refusal);
    }

    /** @return the dialog's content */
    public Parent load() {
        return Pane.load("install.fxml", this);
    }

    @FXML
    private void initialize() {
        source.setText(setup.usualAddress());
        runPlace.getChildren().add(Pane.part("run.fxml", run));
        source.textProperty().addListener((any, before, now) -> run.refresh());
        sum.textProperty().addListener((any, before, now) -> run.refresh());
        run.use((none, cancel) -> work(cancel), this::reload);
        run.call(Strings.get("button.install"));
        reload();
    }

    /** Asks anew whether there is an engine. */
    public void reload() {
        if (run.state() == RunState.RUNNING || run.state() == RunState.STOPPING) {
            return;
        }
        background.execute(() -> {
            String text;
            try {
                engine.get();
                text = Strings.get("install.there");
            } catch (EngineException error) {
                text = Strings.get("install.none", error.getMessage());
            }
            String said = text;
            javafx.application.Platform.runLater(() -> state.setText(said));
        });
    }

    @FXML
    private void browse() {
        FileChooser chooser = new FileChooser();
        chooser.setTitle(Strings.get("install.choose"));
        chooser.getExtensionFilters().add(new FileChooser.ExtensionFilter(Strings.get("install.archives"), "*.tar.zst"));
        File file = chooser.showOpenDialog(source.getScene().getWindow());
        if (file != null) {
            source.setText(file.getPath());
        }
    }

    private Optional<String> refusal() {
        if (run.state().isBusy()) {
            return Optional.of(Strings.get("run.busy"));
        }
        String from = source.getText().strip();
        if (from.isEmpty()) {
            return Optional.of(Strings.get("install.nothing"));
        }
        if (!from.matches("(?i)https?://[^/]+/.+")) {
            try {
                if (!Files.isRegularFile(Path.of(from))) {
                    return Optional.of(Strings.get("install.no-file", from));
                }
            } catch (InvalidPathException error) {
                return Optional.of(Strings.get("install.no-file", from));
            }
        }
        String digits = sum.getText().strip();
        return digits.isEmpty() || digits.matches("[0-9a-fA-F]{64}") ? Optional.empty() : Optional.of(Strings.get("install.no-sum"));
    }

    private String work(Cancel cancel) throws EngineException, CancelledException {
        Path program = setup.install(source.getText().strip(), sum.getText().strip(), this::show, cancel);
        installed.run();
        return Strings.get("install.done", Strings.path(program));
    }

    private void show(Progress bytes) {
        Progress megabytes = new Progress(Math.round(bytes.done() / MEGABYTE), Math.max(1, Math.round(bytes.total() / MEGABYTE)),
                bytes.perSecond() / MEGABYTE, bytes.secondsLeft(), "");
        double share = bytes.total() == 0 ? 0 : (double) bytes.done() / bytes.total();
        run.show(Strings.get("install." + bytes.text().toLowerCase(Locale.ROOT)) + " ", share, megabytes, "MB");
    }
}
