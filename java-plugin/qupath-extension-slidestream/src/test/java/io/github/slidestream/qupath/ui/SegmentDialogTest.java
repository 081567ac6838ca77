package io.github.slidestream.qupath.ui;

import static io.github.slidestream.qupath.FakeImage.box;
import static io.github.slidestream.qupath.FakeImage.target;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.slidestream.qupath.core.Output;
import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.ModelCard;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import javafx.scene.Node;
import javafx.scene.Parent;
import javafx.scene.control.CheckBox;
import javafx.scene.control.Control;
import javafx.scene.control.RadioButton;
import javafx.scene.control.TitledPane;
import javafx.scene.input.Clipboard;
import javafx.scene.input.KeyCode;
import javafx.stage.Stage;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SegmentDialogTest extends DialogTest {
    private final Settings settings = settings();
    private SegmentController controller;

    @Override
    Parent dialog() {
        controller = new SegmentController(workbench, source(), settings, background);
        return controller.load();
    }

    @BeforeEach
    void ready() throws Exception {
        until(() -> choice("model").getItems().size() == 2);
    }

    private void select(int annotations) {
        fx(() -> {
            for (int i = 0; i < annotations; i++) {
                workbench.image.selected.add(target("a" + i, box(100 * i, 0, 90, 90)));
                workbench.image.annotations.add(workbench.image.selected.get(i));
            }
            workbench.changed();
        });
    }

    @Test
    void theReasonFollowsTheSelection() throws Exception {
        assertTrue(button("start").isDisabled());
        assertTrue(text("reason").contains("Nothing is selected"), text("reason"));
        snapshot("segment-empty", 100);
        select(2);
        assertEquals("Selection: 2 annotations, no TMA core", label("selected").getText());
        assertFalse(button("start").isDisabled());
        assertEquals("", text("reason"));
        assertTrue(text("pixelSize").contains("reduced 2.00 times"));
        snapshot("segment", 100);
        snapshot("segment", 200);
    }

    @Test
    void aRunShowsItsObjectsWhileItGoesAndEndsWithItsFigures() throws Exception {
        select(2);
        engine.gate = new CountDownLatch(1);
        press("start");
        until(() -> engine.reached && workbench.shown.get() > 0);
        until(() -> text("progress").contains("tiles/s"));
        assertTrue(button("start").isDisabled());
        assertFalse(button("stop").isDisabled());
        assertTrue(workbench.image.objects.isEmpty(), "nothing is added before a part is complete");
        snapshot("segment-running", 100);
        engine.gate.countDown();
        until(() -> !text("result").isEmpty());
        assertEquals(2, workbench.image.objects.size());
        assertTrue(text("result").contains("objects in") && text("result").contains("tiles/s"), text("result"));
        assertTrue(text("result").contains("read through QuPath"), text("result"));
        assertTrue(workbench.cleared.get() > 0);
        assertEquals(1, workbench.image.script.size());
        snapshot("segment-done", 100);
    }

    @Test
    void stoppingLeavesTheImageAsItWas() throws Exception {
        select(1);
        engine.gate = new CountDownLatch(1);
        press("start");
        until(() -> engine.reached);
        press("stop");
        until(() -> text("result").contains("Stopped"));
        assertEquals("Stopped. Nothing was changed.", text("result"));
        assertTrue(workbench.image.objects.isEmpty());
        assertTrue(workbench.image.script.isEmpty());
        assertFalse(button("start").isDisabled());
    }

    @Test
    void aFailureIsShownInRedAndTheNextRunCanStart() throws Exception {
        select(1);
        engine.failure = new EngineException("out of memory on cuda:0: 2.1 GB were asked for. Take a smaller tile under Advanced.");
        press("start");
        until(() -> !text("result").isEmpty());
        assertTrue(text("result").contains("out of memory on cuda:0"));
        assertTrue(label("result").getStyleClass().contains("reason"));
        assertFalse(button("start").isDisabled());
        snapshot("segment-failed", 100);
        engine.failure = null;
        press("start");
        until(() -> text("result").contains("objects in"));
        assertFalse(label("result").getStyleClass().contains("reason"));
    }

    @Test
    void devicesAndModelsThatCannotBeUsedSayWhy() throws Exception {
        select(1);
        fx(() -> this.<Device>choice("device").setValue(engine.devices.get(1)));
        assertTrue(text("deviceReason").contains("no CUDA driver"), text("deviceReason"));
        assertTrue(text("reason").contains("cuda cannot be used"), text("reason"));
        snapshot("segment-device", 100);
        fx(() -> this.<Device>choice("device").setValue(engine.devices.get(0)));
        fx(() -> this.<ModelCard>choice("model").setValue(engine.models.get(1)));
        assertTrue(text("reason").contains("weights.safetensors is missing"), text("reason"));
    }

    @Test
    void anImageThatIsNotRgbNeedsItsChannels() throws Exception {
        select(1);
        fx(() -> {
            workbench.image.rgb = false;
            workbench.image.channels = List.of("DAPI", "CD3", "PanCK", "AF");
            workbench.changed();
        });
        assertTrue(text("reason").contains("not RGB"), text("reason"));
        assertEquals("65535", field("white").getText());
        fx(() -> {
            this.<String>choice("red").setValue("PanCK");
            this.<String>choice("green").setValue("CD3");
            this.<String>choice("blue").setValue("DAPI");
            field("white").setText("4095");
        });
        assertEquals("", text("reason"));
        snapshot("segment-channels", 100);
        snapshot("segment-channels", 200);
        press("start");
        until(() -> !text("result").isEmpty());
        assertTrue(workbench.image.script.get(0).contains(".channels(2, 1, 0, 0.0, 4095.0)"), workbench.image.script.get(0));
        fx(() -> field("white").setText("many"));
        assertTrue(text("reason").contains("numbers"), text("reason"));
    }

    @Test
    void fluorescenceMustBeAllowed() {
        select(1);
        fx(() -> {
            workbench.image.fluorescence = true;
            workbench.changed();
        });
        assertTrue(text("reason").contains("fluorescence"));
        fx(() -> lookup("#fluorescence").queryAs(CheckBox.class).setSelected(true));
        assertEquals("", text("reason"));
    }

    @Test
    void anImageWithoutPixelSizeIsRefusedWithTheCure() {
        select(1);
        fx(() -> {
            workbench.image.microns = OptionalDouble.empty();
            workbench.changed();
        });
        assertTrue(text("reason").contains("Image tab"), text("reason"));
        assertTrue(button("start").isDisabled());
    }

    @Test
    void theScriptIsCopiedAndTheChoicesAreRemembered() throws Exception {
        select(1);
        fx(() -> {
            lookup("#tissue").queryAs(RadioButton.class).setSelected(true);
            this.<Output>choice("output").setValue(Output.MEASUREMENTS);
            lookup(".titled-pane").queryAs(TitledPane.class).setExpanded(true);
            field("tile").setText("512");
        });
        snapshot("segment-advanced", 100);
        snapshot("segment-advanced", 200);
        press("copy");
        String[] copied = new String[1];
        fx(() -> copied[0] = Clipboard.getSystemClipboard().getString());
        assertTrue(copied[0].contains(".where('tissue')") && copied[0].contains(".tile(512)"), copied[0]);
        press("start");
        until(() -> !text("result").isEmpty());
        assertEquals("tissue", settings.where.get());
        assertEquals("measurements", settings.output.get());
        assertEquals(512, settings.tile.get());
        assertEquals(copied[0], workbench.image.script.get(0));
        fx(() -> field("tile").setText("5x"));
        assertTrue(text("reason").contains("whole numbers"), text("reason"));
        fx(() -> field("tile").setText("9"));
        assertTrue(text("reason").contains("tile(9)"), text("reason"));
    }

    @Test
    void everythingIsReachedByTheKeyboard() {
        select(1);
        fx(() -> choice("model").requestFocus());
        java.util.Set<Node> reached = new java.util.HashSet<>();
        for (int i = 0; i < 20; i++) {
            push(KeyCode.TAB);
            reached.add(stage.getScene().getFocusOwner());
        }
        Stream.of("card", "device", "output", "selected", "start").forEach(id ->
                assertTrue(reached.contains(lookup("#" + id).query()) || lookup("#" + id).queryAs(Control.class).isDisabled(), id));
        lookup(".label").queryAllAs(javafx.scene.control.Label.class).stream()
                .filter(label -> label.isMnemonicParsing() && label.getText() != null && label.getText().contains("_"))
                .forEach(label -> assertTrue(label.getLabelFor() != null, label.getText()));
    }

    @Test
    void aClosedWindowDoesNothingAndAnOpenedOneLooksAnew() throws Exception {
        javafx.scene.control.ButtonBase start = button("start");
        fx(stage::hide);
        select(1);
        assertTrue(start.isDisabled(), "nobody looks at it");
        engine.models.add(new ModelCard("glands", "glands", "Glands", true, 1, "", null));
        fx(() -> {
            stage.show();
            controller.reload();
        });
        until(() -> choice("model").getItems().size() == 3);
        assertFalse(button("start").isDisabled());
    }

    @Test
    void notesOfTheEngineAreShown() throws Exception {
        select(1);
        press("start");
        until(() -> !text("result").isEmpty());
        assertEquals("The image is read through QuPath: the image is opened by BioFormatsImageServer, not by OpenSlide.", text("note"));
    }

    @Test
    void theWindowGrowsWithItsContent() throws Exception {
        Stage[] window = new Stage[1];
        fx(() -> {
            window[0] = Windows.make("grows", new SegmentController(workbench, source(), settings, background).load(), stage);
            window[0].show();
            window[0].setHeight(300);
        });
        fx(() -> window[0].getScene().getRoot().lookupAll(".titled-pane").forEach(pane -> ((TitledPane) pane).setExpanded(true)));
        until(() -> window[0].getHeight() > 450);
        fx(window[0]::close);
    }

    @Test
    void theCardShowsHeadingsAndTables() throws Exception {
        press("card");
        until(() -> lookup(".card").tryQuery().isPresent());
        javafx.scene.Scene scene = lookup(".card").query().getScene();
        assertTrue(lookup("Limits").tryQuery().isEmpty());
        assertTrue(lookup("How good it is").tryQuery().isPresent());
        assertTrue(lookup("Nucleus: single objects").tryQuery().isPresent());
        fx(() -> {
            try {
                java.io.File file = new java.io.File("target/snapshots/card.png");
                file.getParentFile().mkdirs();
                javax.imageio.ImageIO.write(javafx.embed.swing.SwingFXUtils.fromFXImage(scene.snapshot(null), null), "png", file);
            } catch (java.io.IOException error) {
                throw new java.io.UncheckedIOException(error);
            }
            ((javafx.stage.Stage) scene.getWindow()).close();
        });
    }
}
