package io.github.slidestream.qupath.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import javafx.scene.Parent;
import javafx.scene.input.Clipboard;
import org.junit.jupiter.api.Test;

class AboutDialogTest extends DialogTest {
    @Override
    Parent dialog() {
        return new AboutController(engine::describe, background).load();
    }

    @Test
    void itTellsWhatIsInstalledAndCopiesIt() throws Exception {
        until(() -> field("text").getText().startsWith("engine: fake"));
        fx(() -> lookup(".button").queryButton().fire());
        String[] copied = new String[1];
        fx(() -> copied[0] = Clipboard.getSystemClipboard().getString());
        assertEquals(engine.describe(), copied[0]);
    }
}
