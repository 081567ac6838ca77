package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.core.OpenImage;
import io.github.slidestream.qupath.core.RunState;
import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.train.Annotated;
import io.github.slidestream.qupath.train.FineTuneRun;
import io.github.slidestream.qupath.train.FineTuneScript;
import io.github.slidestream.qupath.train.Labels;
import io.github.slidestream.qupath.train.ObjectClass;
import io.github.slidestream.qupath.train.TrainSettings;
import io.github.slidestream.qupath.train.TrainStart;
import io.github.slidestream.qupath.train.TrainingSet;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import javafx.application.Platform;
import javafx.fxml.FXML;
import javafx.scene.Parent;
import javafx.scene.control.CheckBox;
import javafx.scene.control.ComboBox;
import javafx.scene.control.Label;
import javafx.scene.control.RadioButton;
import javafx.scene.control.TextField;
import javafx.scene.layout.FlowPane;
import javafx.scene.layout.VBox;

/** The dialog that trains a model on the open image's annotations. */
public final class FineTuneController {
    @FXML private ComboBox<TrainStart> from;
    @FXML private ComboBox<Device> device;
    @FXML private ComboBox<String> regionClass;
    @FXML private FlowPane classes;
    @FXML private TextField objectName;
    @FXML private RadioButton instances;
    @FXML private RadioButton area;
    @FXML private RadioButton each;
    @FXML private CheckBox project;
    @FXML private Label projectNote;
    @FXML private Label survey;
    @FXML private TextField name;
    @FXML private TextField length;
    @FXML private ComboBox<String> unit;
    @FXML private VBox runPlace;
    @FXML private VBox curvePlace;

    private final Workbench workbench;
    private final Settings settings;
    private final ModelChoice choice;
    private final RunBox run;
    private final TrainingView view = new TrainingView("finetune");
    private final Consumer<String> made;
    private TrainSettings asked;
    private List<Annotated> runImages;
    private final OtherImages others;
    private String startProblem;

    /**
     * @param workbench the program around it
     * @param engine computes
     * @param settings remembered
     * @param background runs what takes long
     * @param made is told the name of a new model
     */
    public FineTuneController(
            Workbench workbench, SegmentController.EngineSource engine, Settings settings, Executor background, Consumer<String> made) {
        this.workbench = workbench;
        this.settings = settings;
        this.choice = new ModelChoice(engine::get, background);
        this.run = new RunBox(engine::get, background, this::refusal);
        this.made = made;
        this.others = new OtherImages(workbench, background, this::refresh);
    }

    /** @return the dialog's content */
    public Parent load() {
        return Pane.load("finetune.fxml", this);
    }

    /** Asks anew for what may have changed while the window was closed. */
    public void reload() {
        choice.load(settings.models(), this::listed);
        reread();
        lookAtOthers();
    }

    @FXML
    private void initialize() {
        runPlace.getChildren().add(Pane.part("run.fxml", run));
        curvePlace.getChildren().add(Pane.part("training.fxml", view));
        Choices.render(from, TrainStart::label, any -> true);
        Choices.render(device, one -> one.name().equals(Device.AUTO) ? Strings.get("device.auto.label") : one.name(), Device::available);
        unit.getItems().setAll(Strings.get("unit.epochs"), Strings.get("unit.minutes"));
        unit.setValue(Strings.get("unit.minutes"));
        Runnable changed = this::refresh;
        from.valueProperty().addListener((any, before, now) -> started(now));
        device.valueProperty().addListener((any, before, now) -> changed.run());
        regionClass.valueProperty().addListener((any, before, now) -> {
            if (now != null) {
                settings.regionClass.set(now);
            }
            lookAtOthers();
        });
        List.of(instances, area, each).forEach(button -> button.selectedProperty().addListener((any, before, now) -> changed.run()));
        objectName.disableProperty().bind(each.selectedProperty());
        project.selectedProperty().addListener((any, before, now) -> lookAtOthers());
        List.of(objectName, name, length).forEach(field -> field.textProperty().addListener((any, before, now) -> changed.run()));
        unit.valueProperty().addListener((any, before, now) -> changed.run());
        run.use(this::work, this::stateChanged);
        workbench.watch(Pane.whileShown(name, this::reread));
        reload();
    }

    private void listed() {
        try {
            List<TrainStart> all = TrainStart.list(choice.models(), settings.runs());
            Choices.fill(from, all, one -> one.label().equals(settings.model.get()));
            startProblem = all.isEmpty() ? Strings.get("finetune.no-start") : null;
        } catch (IOException error) {
            startProblem = error.toString();
        }
        Choices.fill(device, choice.devices(), one -> one.name().equals(settings.device.get()));
        refresh();
    }

    private void started(TrainStart start) {
        if (start != null) {
            try {
                select(start.labels().orElse(labels()));
            } catch (IOException error) {
                startProblem = error.getMessage();
            }
        }
        refresh();
    }

    private void select(Labels labels) {
        (labels == Labels.INSTANCES ? instances : labels == Labels.AREA ? area : each).setSelected(true);
    }

    private Labels labels() {
        return instances.isSelected() ? Labels.INSTANCES : area.isSelected() ? Labels.AREA : Labels.CLASSES;
    }

    private void lookAtOthers() {
        others.look(project.isSelected() ? regionClass.getValue() : null);
        refresh();
    }

    /** The open image's annotations as they are now, and those of the project's other images if they are asked for. */
    private List<Annotated> annotated(OpenImage image) {
        List<Annotated> all = new ArrayList<>();
        all.add(new Annotated(image));
        all.addAll(others.images());
        return all;
    }

    /** The classes of the open image may have changed. */
    private void reread() {
        List<String> names = workbench.classes();
        List<String> ticked = ticked();
        List<String> shown = classes.getChildren().stream().map(box -> ((CheckBox) box).getText()).toList();
        String region = regionClass.getValue() == null ? settings.regionClass.get() : regionClass.getValue();
        List<String> objects = names.stream().filter(one -> !one.equals(region)).toList();
        if (!shown.equals(objects)) {
            classes.getChildren().clear();
            for (String one : objects) {
                CheckBox box = new CheckBox(one);
                box.setMnemonicParsing(false);
                box.setSelected(ticked.contains(one));
                box.selectedProperty().addListener((any, before, now) -> tick());
                classes.getChildren().add(box);
            }
        }
        if (!regionClass.getItems().equals(names)) {
            regionClass.getItems().setAll(names);
            regionClass.setValue(names.contains(region) ? region : null);
        }
        refresh();
    }

    private void tick() {
        List<String> ticked = ticked();
        if (ticked.size() == 1) {
            objectName.setText(ticked.get(0));
        }
        refresh();
    }

    private List<String> ticked() {
        List<String> ticked = new ArrayList<>();
        classes.getChildren().forEach(box -> {
            if (((CheckBox) box).isSelected()) {
                ticked.add(((CheckBox) box).getText());
            }
        });
        return ticked;
    }

    private void refresh() {
        run.refresh();
    }

    private Optional<String> refusal() {
        survey.setText("");
        projectNote.setText(others.note());
        Pane.show(projectNote, !others.note().isEmpty());
        if (run.state().isBusy()) {
            return Optional.of(Strings.get("run.busy"));
        }
        if (choice.problem() != null) {
            return Optional.of(choice.problem());
        }
        OpenImage image = workbench.image();
        if (image == null) {
            return Optional.of(Strings.get("no-image"));
        }
        if (!image.isRgb()) {
            return Optional.of(Strings.get("finetune.rgb"));
        }
        if (others.looking()) {
            return Optional.of(Strings.get("finetune.looking"));
        }
        if (startProblem != null || from.getValue() == null) {
            return Optional.of(startProblem == null ? Strings.get("finetune.choose") : startProblem);
        }
        if (device.getValue() != null && !device.getValue().available()) {
            return Optional.of(Strings.get("device.unusable", device.getValue().name(), device.getValue().reason()));
        }
        if (regionClass.getValue() == null) {
            return Optional.of(Strings.get("finetune.region"));
        }
        try {
            TrainingSet.Survey found = new TrainingSet(
                    annotated(image), null, regionClass.getValue(), ticked(), labels(), from.getValue().mpp()).survey();
            survey.setText(Strings.get("finetune.survey", found.regions(), found.objects(), found.images()));
            if (found.refusal() != null) {
                return Optional.of(found.refusal());
            }
        } catch (IOException error) {
            return Optional.of(error.getMessage());
        }
        if (labels() != Labels.CLASSES && objectName.getText().isBlank()) {
            return Optional.of(Strings.get("finetune.object"));
        }
        String bad = TrainSettings.nameRefusal(name.getText().strip(), settings.models());
        if (bad != null) {
            return Optional.of(bad);
        }
        return length() == null ? Optional.of(Strings.get("finetune.length")) : Optional.empty();
    }

    private TrainSettings.Length length() {
        try {
            int count = Integer.parseInt(length.getText().strip());
            if (count < 1) {
                return null;
            }
            return unit.getValue().equals(Strings.get("unit.epochs")) ? new TrainSettings.Epochs(count) : new TrainSettings.Minutes(count);
        } catch (NumberFormatException error) {
            return null;
        }
    }

    private void stateChanged() {
        if (run.state() == RunState.RUNNING) {
            others.hold();
            runImages = annotated(workbench.image());
            view.clear();
            List<ObjectClass> objects = ticked().stream().map(one -> new ObjectClass(one, workbench.color(one))).toList();
            asked = new TrainSettings(name.getText().strip(), from.getValue(), regionClass.getValue(), objects,
                    objectName.getText().strip(), labels(), length(), device.getValue().name(), settings.threads.get(), null,
                    settings.models(), settings.runs());
        } else if (!run.state().isBusy()) {
            others.release();
        }
    }

    private String work(Engine engine, Cancel cancel) throws EngineException, CancelledException {
        Path folder = new FineTuneRun(engine, runImages, asked).run(view.watcher(run, Strings.get("unit.steps")), cancel);
        runImages.get(0).image().remember(Strings.get("finetune.step", asked.name()), FineTuneScript.line(asked, runImages.size() > 1));
        String model = asked.name();
        Platform.runLater(() -> {
            settings.model.set(model);
            name.setText(TrainSettings.nextName(model, settings.models()));
            made.accept(model);
        });
        return Strings.get("finetune.done", model, Strings.path(folder));
    }
}
