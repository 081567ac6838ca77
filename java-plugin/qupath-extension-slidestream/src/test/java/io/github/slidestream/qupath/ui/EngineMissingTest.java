package io.github.slidestream.qupath.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.slidestream.qupath.engine.EngineException;
import javafx.scene.Parent;
import org.junit.jupiter.api.Test;

class EngineMissingTest extends DialogTest {
    private SegmentController controller;

    @Override
    Parent dialog() {
        broken = new EngineException("The engine needs GLIBC_2.28 and this computer has 2.17. Use a newer Linux.");
        controller = new SegmentController(workbench, source(), settings(), background);
        return controller.load();
    }

    @Test
    void theReasonStandsInTheDialogAndIsAskedForAnew() throws Exception {
        until(() -> text("reason").contains("GLIBC_2.28"));
        assertTrue(button("start").isDisabled());
        snapshot("segment-no-engine", 100);
        broken = null;
        fx(() -> controller.choose("he-nuclei"));
        until(() -> text("reason").contains("Nothing is selected"));
        assertEquals(2, choice("model").getItems().size());
    }
}
