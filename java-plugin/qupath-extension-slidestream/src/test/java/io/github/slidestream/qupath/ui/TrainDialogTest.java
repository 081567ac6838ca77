package io.github.slidestream.qupath.ui;

import static io.github.slidestream.qupath.FakeImage.box;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
}
