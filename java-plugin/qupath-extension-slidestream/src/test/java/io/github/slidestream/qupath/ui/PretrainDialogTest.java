package io.github.slidestream.qupath.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.util.List;
import javafx.scene.Parent;
import javafx.scene.control.CheckBox;
import org.junit.jupiter.api.Test;

class PretrainDialogTest extends DialogTest {
    @Override
    Parent dialog() {
        return new PretrainController(workbench, source(), settings(), background).load();
    }

    private List<CheckBox> slides() {
        return List.copyOf(lookup("#slides .check-box").queryAllAs(CheckBox.class));
    }

    @Test
    void slidesThatCannotBeReadSayWhyAndTheOthersAreLearntFrom() throws Exception {
        until(() -> slides().size() == 3);
        assertEquals("2 of 3 slides can be used.", text("slidesNote"));
        CheckBox refused = slides().stream().filter(CheckBox::isDisabled).findFirst().orElseThrow();
        assertTrue(refused.getText().contains("BioFormatsImageServer"), refused.getText());
        fx(() -> slides().forEach(box -> box.setSelected(false)));
        assertTrue(text("reason").contains("Tick"), text("reason"));
        fx(() -> slides().stream().filter(box -> !box.isDisabled()).forEach(box -> box.setSelected(true)));
        fx(() -> field("mpp").setText("half"));
        assertTrue(text("reason").contains("number"), text("reason"));
        fx(() -> {
            field("mpp").setText("0.5");
            field("epochs").setText("6");
        });
        assertEquals("", text("reason"));
        press("start");
        until(() -> !text("result").isEmpty());
        assertTrue(text("result").contains("my-slides"), text("result"));
        until(() -> text("pictureName").startsWith("Pieces that were held out"));
        String toml = Files.readString(engine.trainings.get(0).configuration());
        assertTrue(toml.contains("CMU-1.svs") && toml.contains("CMU-2.svs") && !toml.contains("stack"), toml);
        String line = workbench.image.script.get(0);
        assertTrue(line.contains("Pretrain.builder()") && line.contains(".images('CMU-1.svs', 'CMU-2.svs')"), line);
        snapshot("pretrain", 100);
        snapshot("pretrain", 200);
    }

    @Test
    void withoutAProjectItSaysWhereSlidesComeFrom() throws Exception {
        workbench.slides = List.of();
        fx(() -> stage.getScene().setRoot(dialog()));
        until(() -> text("reason").contains("File > Project"));
        assertTrue(button("start").isDisabled());
    }
}
