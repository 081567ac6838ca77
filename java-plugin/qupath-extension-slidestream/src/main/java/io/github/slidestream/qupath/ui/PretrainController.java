package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.core.OpenImage;
import io.github.slidestream.qupath.core.RunState;
import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.train.PretrainRun;
import io.github.slidestream.qupath.train.TrainSettings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import javafx.application.Platform;
import javafx.fxml.FXML;
import javafx.scene.Parent;
import javafx.scene.control.CheckBox;
import javafx.scene.control.ComboBox;
import javafx.scene.control.Label;
import javafx.scene.control.TextField;
import javafx.scene.layout.VBox;

/** The dialog that pre-trains a network on the project's slides. */
public final class PretrainController {
    @FXML private VBox slides;
    @FXML private Label slidesNote;
    @FXML private TextField name;
    @FXML private TextField mpp;
    @FXML private TextField epochs;
    @FXML private ComboBox<Device> device;
    @FXML private VBox runPlace;
    @FXML private VBox curvePlace;

    private final Workbench workbench;
    private final Settings settings;
    private final SegmentController.EngineSource engine;
    private final Executor background;
    private final ModelChoice choice;
    private final RunBox run;
    private final TrainingView view = new TrainingView("pretrain");
    private final List<PretrainRun.Slide> listed = new ArrayList<>();
    private boolean looked;
    private PretrainRun.Settings asked;
    /** Whose workflow notes the run; null if none is open. */
    private OpenImage open;

    /**
     * @param workbench the program around it
     * @param engine computes
     * @param settings remembered
     * @param background runs what takes long
     */
    public PretrainController(Workbench workbench, SegmentController.EngineSource engine, Settings settings, Executor background) {
        this.workbench = workbench;
        this.settings = settings;
        this.engine = engine;
        this.background = background;
        this.choice = new ModelChoice(engine::get, background);
        this.run = new RunBox(engine::get, background, this::refusal);
    }

    /** @return the dialog's content */
    public Parent load() {
        return Pane.load("pretrain.fxml", this);
    }

    @FXML
    private void initialize() {
        runPlace.getChildren().add(Pane.part("run.fxml", run));
        curvePlace.getChildren().add(Pane.part("training.fxml", view));
        Choices.render(device, one -> one.name().equals(Device.AUTO) ? Strings.get("device.auto.label") : one.name(), Device::available);
        List.of(name, mpp, epochs).forEach(field -> field.textProperty().addListener((any, before, now) -> run.refresh()));
        device.valueProperty().addListener((any, before, now) -> run.refresh());
        run.use(this::work, this::stateChanged);
        reload();
    }

    /** Asks anew for what may have changed while the window was closed. */
    public void reload() {
        if (!run.state().isBusy()) {
            choice.load(settings.models(), this::ready);
        }
    }

    private void ready() {
        Choices.fill(device, choice.devices(), one -> one.name().equals(settings.device.get()));
        run.refresh();
        if (choice.problem() != null) {
            return;
        }
        background.execute(() -> {
            try {
                Engine known = engine.get();
                List<PretrainRun.Slide> found = workbench.slides(known::fileProperties);
                Platform.runLater(() -> list(found, Strings.get("pretrain.no-project")));
            } catch (EngineException | RuntimeException error) {
                Platform.runLater(() -> list(List.of(), String.valueOf(error.getMessage())));
            }
        });
    }

    private void list(List<PretrainRun.Slide> found, String problem) {
        looked = true;
        listed.clear();
        listed.addAll(found);
        slides.getChildren().clear();
        int usable = 0;
        for (PretrainRun.Slide slide : found) {
            CheckBox box = new CheckBox(slide.refusal() == null
                    ? slide.name()
                    : Strings.get("pretrain.refused", slide.name(), slide.refusal()));
            box.setMnemonicParsing(false);
            box.setWrapText(true);
            box.setDisable(slide.refusal() != null);
            box.setSelected(slide.refusal() == null);
            box.selectedProperty().addListener((any, before, now) -> run.refresh());
            slides.getChildren().add(box);
            usable += slide.refusal() == null ? 1 : 0;
        }
        Pane.show(slides, !found.isEmpty());
        Pane.show(slidesNote, !found.isEmpty());
        slidesNote.setText(found.isEmpty() ? problem : Strings.get("pretrain.slides", usable, found.size()));
        run.refresh();
    }

    private List<PretrainRun.Slide> ticked() {
        List<PretrainRun.Slide> ticked = new ArrayList<>();
        for (int i = 0; i < listed.size(); i++) {
            if (((CheckBox) slides.getChildren().get(i)).isSelected()) {
                ticked.add(listed.get(i));
            }
        }
        return ticked;
    }

    private Optional<String> refusal() {
        if (run.state().isBusy()) {
            return Optional.of(Strings.get("run.busy"));
        }
        if (choice.problem() != null) {
            return Optional.of(choice.problem());
        }
        if (!looked) {
            return Optional.of(Strings.get("pretrain.looking"));
        }
        if (listed.isEmpty()) {
            return Optional.of(slidesNote.getText());
        }
        if (device.getValue() != null && !device.getValue().available()) {
            return Optional.of(Strings.get("device.unusable", device.getValue().name(), device.getValue().reason()));
        }
        try {
            return Optional.ofNullable(asked().refusal());
        } catch (NumberFormatException error) {
            return Optional.of(Strings.get("pretrain.numbers"));
        }
    }

    private PretrainRun.Settings asked() {
        return new PretrainRun.Settings(name.getText().strip(), Double.parseDouble(mpp.getText().strip()),
                Integer.parseInt(epochs.getText().strip()), ticked(), device.getValue() == null ? Device.AUTO : device.getValue().name(),
                settings.threads.get(), settings.runs());
    }

    private void stateChanged() {
        if (run.state() == RunState.RUNNING) {
            view.clear();
            open = workbench.image();
            asked = asked();
        }
    }

    private String work(Engine known, Cancel cancel) throws EngineException, CancelledException {
        Path out = new PretrainRun(known, asked).run(view.watcher(run, Strings.get("unit.steps")), cancel);
        if (open != null) {
            open.remember(Strings.get("pretrain.step", asked.name()), asked.script());
        }
        Platform.runLater(() -> name.setText(TrainSettings.nextName(asked.name(), settings.runs())));
        return Strings.get("pretrain.done", Strings.path(out));
    }
}
