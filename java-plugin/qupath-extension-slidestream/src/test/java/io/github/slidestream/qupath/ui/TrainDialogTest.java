package io.github.slidestream.qupath.ui;

import static io.github.slidestream.qupath.FakeImage.box;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.slidestream.qupath.FakeImage;
import io.github.slidestream.qupath.core.OpenImage.Labelled;
import io.github.slidestream.qupath.engine.ModelCard;
import io.github.slidestream.qupath.train.Packages;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import javafx.scene.Parent;
import javafx.scene.chart.LineChart;
import javafx.scene.control.CheckBox;
import javafx.scene.control.RadioButton;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TrainDialogTest extends DialogTest {
    private final Settings settings = settings();
    private final List<String> made = new ArrayList<>();

    @Override
    Parent dialog() throws Exception {
        Path base = Files.createDirectories(FOLDER.resolve("base"));
        Files.writeString(base.resolve("model.toml"), Packages.MODEL);
        ModelCard plain = engine.models.get(0);
        engine.models.set(0, new ModelCard(plain.id(), plain.name(), plain.title(), true, 0.5, plain.card(), base));
        return new FineTuneController(workbench, source(), settings, background, made::add).load();
    }

    @BeforeEach
    void ready() throws Exception {
        until(() -> choice("from").getItems().size() == 1);
    }

    private void annotate() {
        fx(() -> {
            workbench.image.labelled.add(new Labelled("Region*", box(0, 0, 300, 300), 0, 0));
            workbench.image.labelled.add(new Labelled("Region*", box(400, 0, 300, 300), 0, 0));
            workbench.image.labelled.add(new Labelled("Tumor", box(50, 50, 40, 40), 0, 0));
            workbench.changed();
        });
    }

    private String name() {
        return field("name").getText();
    }

    private void tick(String name) {
        fx(() -> lookup(".check-box").queryAllAs(CheckBox.class).stream()
                .filter(box -> box.getText().equals(name))
                .findFirst()
                .orElseThrow()
                .setSelected(true));
    }

    @Test
    void whatIsMissingIsNamedStepByStep() throws Exception {
        assertTrue(text("reason").contains("Tick"), text("reason"));
        tick("Tumor");
        assertTrue(text("reason").contains("no region of class Region*"), text("reason"));
        snapshot("finetune-empty", 100);
        annotate();
        assertEquals("2 training regions with 1 object", text("survey"));
        assertEquals("Tumor", field("objectName").getText());
        assertTrue(text("reason").contains("Name the model"), text("reason"));
        fx(() -> field("name").setText("nuclei-lab2"));
        assertEquals("", text("reason"));
        fx(() -> field("length").setText("0"));
        assertTrue(text("reason").contains("Train for"), text("reason"));
    }

    @Test
    void theCurveGrowsAndTheModelIsChosen() throws Exception {
        annotate();
        tick("Tumor");
        fx(() -> {
            field("name").setText("nuclei-1");
            field("length").setText("12");
            this.<String>choice("unit").setValue("epochs");
        });
        assertEquals("", text("reason"));
        engine.gate = new CountDownLatch(1);
        press("start");
        until(() -> engine.reached && text("figures").startsWith("Epoch 1"));
        assertTrue(text("phase").contains("12 epochs"), text("phase"));
        engine.gate.countDown();
        until(() -> !text("result").isEmpty());
        assertTrue(text("result").contains("nuclei-1"), text("result"));
        LineChart<Number, Number> chart = lookup(".chart").query();
        assertEquals(12, chart.getData().get(0).getData().size());
        until(() -> text("pictureName").startsWith("Regions for checking"));
        assertEquals(List.of("nuclei-1"), made);
        assertEquals("nuclei-1", settings.model.get());
        assertTrue(Files.isRegularFile(FOLDER.resolve("models/nuclei-1/model.toml")));
        assertEquals("nuclei-2", name());
        assertEquals("", text("reason"), "the next training has a name already");
        snapshot("finetune", 100);
        snapshot("finetune", 200);
    }

    @Test
    void stoppingLeavesNoModel() throws Exception {
        annotate();
        tick("Tumor");
        fx(() -> {
            field("name").setText("nuclei-lab4");
            this.<String>choice("unit").setValue("epochs");
        });
        engine.gate = new CountDownLatch(1);
        press("start");
        until(() -> engine.reached);
        press("stop");
        until(() -> text("result").equals("Stopped."));
        assertFalse(Files.exists(FOLDER.resolve("models/nuclei-lab4")));
        assertTrue(made.isEmpty());
    }

    @Test
    void classesByThemselvesOnSeveralImages() throws Exception {
        annotate();
        FakeImage other = new FakeImage();
        other.name = "CMU-2.svs";
        other.labelled.add(new Labelled("Region*", box(0, 0, 300, 300), 0, 0));
        other.labelled.add(new Labelled("Stroma", box(50, 50, 40, 40), 0, 0));
        fx(() -> {
            workbench.image.labelled.add(new Labelled("Stroma", box(150, 150, 40, 40), 0, 0));
            workbench.others.add(other);
            workbench.unreadable.add("CMU-3.svs: no such file");
            workbench.changed();
        });
        tick("Tumor");
        fx(() -> ((RadioButton) lookup("#each").query()).setSelected(true));
        assertTrue(text("reason").contains("at least two classes"), text("reason"));
        tick("Stroma");
        assertTrue(field("objectName").isDisabled(), "each class keeps its name");
        fx(() -> ((CheckBox) lookup("#project").query()).setSelected(true));
        until(() -> text("projectNote").contains("CMU-2.svs"));
        assertTrue(text("projectNote").contains("CMU-3.svs: no such file"), text("projectNote"));
        assertEquals("3 training regions with 3 objects on 2 images", text("survey"));
        fx(() -> {
            field("name").setText("tissue-1");
            field("length").setText("40");
            this.<String>choice("unit").setValue("epochs");
        });
        assertEquals("", text("reason"));
        engine.gate = new CountDownLatch(1);
        press("start");
        until(() -> engine.reached && text("figures").startsWith("Epoch 1"));
        fx(() -> ((CheckBox) lookup("#project").query()).setSelected(false));
        assertEquals(0, other.closed, "the run still reads it");
        engine.gate.countDown();
        until(() -> !text("result").isEmpty());
        until(() -> other.closed == 1);
        assertTrue(text("result").contains("tissue-1"), text("result"));
        String toml = Files.readString(engine.trainings.get(0).configuration());
        assertTrue(toml.contains("labels = \"classes\"") && toml.contains("sheet_every = 2"), toml);
        assertTrue(toml.contains("[[model.class]]\nname = \"Stroma\"\ncolor = [150, 200, 150]\n[[model.class]]\nname = \"Tumor\""), toml);
        assertTrue(workbench.image.script.get(0).contains(".labels('classes')"), workbench.image.script.get(0));
        fx(() -> {
            workbench.unreadable.clear();
            ((CheckBox) lookup("#project").query()).setSelected(true);
        });
        until(() -> text("survey").contains("2 images"));
        snapshot("finetune-classes", 100);
    }

    @Test
    void picturesOfTheRegionsForCheckingComeWhileItTrains() throws Exception {
        annotate();
        tick("Tumor");
        fx(() -> {
            field("name").setText("nuclei-lab5");
            field("length").setText("5");
            this.<String>choice("unit").setValue("epochs");
        });
        engine.gate = new CountDownLatch(1);
        press("start");
        until(() -> engine.reached && text("pictureName").startsWith("Regions for checking"));
        assertEquals("", text("result"), "it still trains");
        engine.gate.countDown();
        until(() -> !text("result").isEmpty());
    }
}
