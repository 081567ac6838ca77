package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.core.Channels;
import io.github.slidestream.qupath.core.FoundObject;
import io.github.slidestream.qupath.core.OpenImage;
import io.github.slidestream.qupath.core.Output;
import io.github.slidestream.qupath.core.PixelSize;
import io.github.slidestream.qupath.core.Readiness;
import io.github.slidestream.qupath.core.RunState;
import io.github.slidestream.qupath.core.SegmentRun;
import io.github.slidestream.qupath.core.SegmentSettings;
import io.github.slidestream.qupath.core.Where;
import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.Listener;
import io.github.slidestream.qupath.engine.LoadedModel;
import io.github.slidestream.qupath.engine.ModelCard;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Executor;
import javafx.fxml.FXML;
import javafx.scene.Parent;
import javafx.scene.control.Button;
import javafx.scene.control.CheckBox;
import javafx.scene.control.ComboBox;
import javafx.scene.control.Label;
import javafx.scene.control.RadioButton;
import javafx.scene.control.Spinner;
import javafx.scene.control.SpinnerValueFactory.IntegerSpinnerValueFactory;
import javafx.scene.control.TextField;
import javafx.scene.control.ToggleGroup;
import javafx.scene.input.Clipboard;
import javafx.scene.input.ClipboardContent;
import javafx.scene.layout.VBox;

/** The dialog that segments. */
public final class SegmentController {
    @FXML private ComboBox<ModelCard> model;
    @FXML private Label modelTitle;
    @FXML private Button card;
    @FXML private ComboBox<Device> device;
    @FXML private Label deviceReason;
    @FXML private ToggleGroup where;
    @FXML private RadioButton selected;
    @FXML private RadioButton annotations;
    @FXML private RadioButton cores;
    @FXML private RadioButton tissue;
    @FXML private RadioButton everywhere;
    @FXML private ComboBox<Output> output;
    @FXML private Label outputMeaning;
    @FXML private Label pixelSize;
    @FXML private VBox channelBox;
    @FXML private ComboBox<String> red;
    @FXML private ComboBox<String> green;
    @FXML private ComboBox<String> blue;
    @FXML private TextField black;
    @FXML private TextField white;
    @FXML private CheckBox fluorescence;
    @FXML private Spinner<Integer> threads;
    @FXML private TextField tile;
    @FXML private TextField halo;
    @FXML private CheckBox throughQuPath;
    @FXML private Button copy;
    @FXML private VBox runPlace;

    private final Workbench workbench;
    private final Settings settings;
    private final ModelChoice choice;
    private final RunBox run;
    private String fieldProblem;
    private String channelsOf = "";
    private OpenImage runImage;
    private SegmentSettings runSettings;

    /**
     * @param workbench the program around it
     * @param engine computes
     * @param settings remembered
     * @param background runs what takes long
     */
    public SegmentController(Workbench workbench, EngineSource engine, Settings settings, Executor background) {
        this.workbench = workbench;
        this.settings = settings;
        this.choice = new ModelChoice(engine::get, background);
        this.run = new RunBox(engine::get, background, this::refusal);
    }

    /** Gives the engine, loading it at the first call. */
    public interface EngineSource {
        /**
         * @return the engine
         * @throws EngineException if it cannot be loaded
         */
        Engine get() throws EngineException;
    }

    /** @return the dialog's content */
    public Parent load() {
        return Pane.load("segment.fxml", this);
    }

    @FXML
    private void initialize() {
        runPlace.getChildren().add(Pane.part("run.fxml", run));
        Choices.render(model, one -> one.name() + (one.usable() ? "" : " " + Strings.get("unusable")), ModelCard::usable);
        Choices.render(device, SegmentController::label, Device::available);
        Choices.render(output, one -> Strings.get("output." + one.word()), one -> true);
        output.getItems().setAll(Output.values());
        output.setValue(Output.of(settings.output.get()));
        threads.setValueFactory(new IntegerSpinnerValueFactory(0, 256, settings.threads.get()));
        tile.setText(settings.tile.get() == 0 ? "" : Integer.toString(settings.tile.get()));
        halo.setText(settings.halo.get() < 0 ? "" : Integer.toString(settings.halo.get()));
        List.of(selected, annotations, cores, tissue, everywhere).forEach(button -> button.setToggleGroup(where));
        where.selectToggle(button(Where.of(settings.where.get())));
        Runnable changed = this::refresh;
        model.valueProperty().addListener((any, before, now) -> changed.run());
        device.valueProperty().addListener((any, before, now) -> changed.run());
        output.valueProperty().addListener((any, before, now) -> changed.run());
        where.selectedToggleProperty().addListener((any, before, now) -> changed.run());
        List.of(red, green, blue).forEach(box -> box.valueProperty().addListener((any, before, now) -> changed.run()));
        List.of(black, white, tile, halo).forEach(field -> field.textProperty().addListener((any, before, now) -> changed.run()));
        fluorescence.selectedProperty().addListener((any, before, now) -> changed.run());
        run.use(this::work, this::stateChanged);
        workbench.watch(Pane.whileShown(model, changed));
        reload();
    }

    /** Asks for the models again, such as after a training, and chooses one. */
    public void choose(String name) {
        settings.model.set(name);
        model.setValue(null);
        choice.load(settings.models(), this::listed);
    }

    /** Asks anew for what may have changed while the window was closed. */
    public void reload() {
        choice.load(settings.models(), this::listed);
        refresh();
    }

    private void listed() {
        String wanted = settings.model.get();
        Choices.fill(model, choice.models(), one -> one.id().equals(wanted) || one.name().equals(wanted));
        Choices.fill(device, choice.devices(), one -> one.name().equals(settings.device.get()));
        refresh();
    }

    private void refresh() {
        OpenImage image = workbench.image();
        ModelCard chosen = model.getValue();
        modelTitle.setText(chosen == null ? "" : chosen.title());
        card.setDisable(chosen == null || chosen.card().isBlank());
        deviceReason.setText(device.getValue() == null ? "" : device.getValue().reason());
        outputMeaning.setText(Strings.get("output." + output.getValue().word() + ".meaning"));
        OpenImage.Counts counts = image == null ? new OpenImage.Counts(0, 0, 0, 0) : image.counts();
        selected.setText(Strings.get("where.selected", counts.selectedAnnotations(), counts.selectedCores()));
        annotations.setText(Strings.get("where.annotations", counts.annotations()));
        cores.setText(Strings.get("where.cores", counts.cores()));
        everywhere.setText(image == null
                ? Strings.get("where.everywhere")
                : Strings.get("where.everywhere.size", image.width(), image.height()));
        pixelSize.setText(image == null || chosen == null
                ? ""
                : new PixelSize(image.micronsAcross(), image.micronsDown(), chosen.mpp()).text());
        showChannels(image);
        Pane.show(fluorescence, image != null && image.isRgb() && image.isFluorescence());
        run.refresh();
        copy.setDisable(chosen == null || fieldProblem != null);
    }

    private void showChannels(OpenImage image) {
        boolean needed = image != null && !image.isRgb();
        Pane.show(channelBox, needed);
        if (needed && !channelsOf.equals(image.name() + image.channels())) {
            channelsOf = image.name() + image.channels();
            List.of(red, green, blue).forEach(box -> {
                box.getItems().setAll(image.channels());
                box.setValue(null);
            });
            black.setText("0");
            white.setText(plain(image.largestValue()));
        }
    }

    private static String plain(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15 ? Long.toString((long) value) : Double.toString(value);
    }

    private Channels channels(OpenImage image) {
        if (image == null || image.isRgb() || red.getValue() == null || green.getValue() == null || blue.getValue() == null) {
            return null;
        }
        return new Channels(red.getSelectionModel().getSelectedIndex(), green.getSelectionModel().getSelectedIndex(),
                blue.getSelectionModel().getSelectedIndex(), number(black), number(white));
    }

    private static double number(TextField field) {
        return Double.parseDouble(field.getText().strip());
    }

    private Optional<String> refusal() {
        OpenImage image = workbench.image();
        fieldProblem = null;
        Channels channels = null;
        String channelProblem = null;
        try {
            channels = channels(image);
        } catch (NumberFormatException error) {
            channelProblem = Strings.get("channels.numbers");
        } catch (IllegalArgumentException error) {
            channelProblem = Strings.get("channels.order");
        }
        Optional<String> refusal = new Readiness(image, choice.problem(), model.getValue(), device.getValue(), part(), channels,
                channelProblem, fluorescence.isSelected(), run.state()).refusal();
        if (refusal.isPresent()) {
            return refusal;
        }
        try {
            asked();
        } catch (IllegalArgumentException error) {
            fieldProblem = error instanceof NumberFormatException ? Strings.get("advanced.numbers") : error.getMessage();
        }
        return Optional.ofNullable(fieldProblem);
    }

    private Where part() {
        Object chosen = where.getSelectedToggle();
        return chosen == annotations
                ? Where.ANNOTATIONS
                : chosen == cores ? Where.CORES : chosen == tissue ? Where.TISSUE : chosen == everywhere ? Where.EVERYWHERE : Where.SELECTED;
    }

    private RadioButton button(Where part) {
        return switch (part) {
            case SELECTED -> selected;
            case ANNOTATIONS -> annotations;
            case CORES -> cores;
            case TISSUE -> tissue;
            case EVERYWHERE -> everywhere;
        };
    }

    private static OptionalInt whole(TextField field) {
        String text = field.getText().strip();
        return text.isEmpty() ? OptionalInt.empty() : OptionalInt.of(Integer.parseInt(text));
    }

    /** What the fields say. */
    private SegmentSettings asked() {
        OpenImage image = workbench.image();
        boolean allow = image != null && image.isRgb() && image.isFluorescence() && fluorescence.isSelected();
        return new SegmentSettings(model.getValue().id(), part(), output.getValue(),
                device.getValue() == null ? Device.AUTO : device.getValue().name(), threads.getValue(), whole(tile), whole(halo),
                channels(image), allow, throughQuPath.isSelected());
    }

    private void stateChanged() {
        if (run.state() == RunState.RUNNING) {
            runImage = workbench.image();
            runSettings = asked();
            settings.model.set(runSettings.model());
            settings.device.set(runSettings.device());
            settings.where.set(runSettings.where().word());
            settings.output.set(runSettings.output().word());
            settings.threads.set(runSettings.threads());
            settings.tile.set(runSettings.tile().orElse(0));
            settings.halo.set(runSettings.halo().orElse(-1));
        } else if (!run.state().isBusy()) {
            workbench.clearPreview();
        }
    }

    private String work(Engine engine, Cancel cancel) throws EngineException {
        SegmentRun.Watcher watcher = new SegmentRun.Watcher() {
            @Override
            public void progress(int target, int targets, Listener.Progress progress) {
                String before = targets == 1 ? "" : Strings.get("run.part", target + 1, targets) + " ";
                double share = progress.total() <= 0 ? 0 : (double) progress.done() / progress.total();
                run.show(before, (target + share) / targets, progress, Strings.get("unit.tiles"));
            }

            @Override
            public void note(String text) {
                run.note(text);
            }

            @Override
            public void preview(List<FoundObject> found, LoadedModel model) {
                if (runSettings.output() != Output.MEASUREMENTS) {
                    workbench.preview(found, model);
                }
            }
        };
        return new SegmentRun(engine, runImage, runSettings, engine::fileProperties).run(watcher, cancel).text();
    }

    @FXML
    private void copyScript() {
        ClipboardContent content = new ClipboardContent();
        content.putString(asked().script());
        Clipboard.getSystemClipboard().setContent(content);
    }

    @FXML
    private void showCard() {
        CardView.show(model.getValue(), card.getScene().getWindow());
    }

    private static String label(Device one) {
        if (one.name().equals(Device.AUTO)) {
            return Strings.get("device.auto.label");
        }
        return one.name() + (one.available() ? "" : " " + Strings.get("unusable"));
    }
}
