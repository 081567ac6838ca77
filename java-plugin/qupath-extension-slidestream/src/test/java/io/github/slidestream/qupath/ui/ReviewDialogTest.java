package io.github.slidestream.qupath.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.slidestream.qupath.train.ReviewQueue;
import java.util.List;
import javafx.scene.Parent;
import org.junit.jupiter.api.Test;

class ReviewDialogTest extends DialogTest {
    @Override
    Parent dialog() {
        return new ReviewController(workbench, settings()).load();
    }

    @Test
    void itLeadsToTheMostDoubtfulPlaceFirst() throws Exception {
        assertTrue(text("reason").contains("Segment the image first"), text("reason"));
        fx(() -> {
            for (int i = 0; i < 4; i++) {
                workbench.seen.add(new ReviewQueue.Seen(50 + i, 50, 0.95));
                workbench.seen.add(new ReviewQueue.Seen(450 + i, 450, 0.5));
            }
            workbench.changed();
        });
        assertTrue(button("add").isDisabled());
        press("next");
        assertEquals(400, workbench.visited.get(0).x());
        assertEquals("Place 1 of 2: 4 objects, doubt 100 %", text("where"));
        snapshot("review", 100);
        snapshot("review", 200);
        press("add");
        assertEquals(List.of("Region*"), workbench.added);
        press("next");
        press("next");
        assertTrue(text("where").startsWith("All 2 places"), text("where"));
        assertTrue(button("add").isDisabled());
        fx(() -> field("side").setText("-3"));
        assertTrue(text("reason").contains("above 0"), text("reason"));
    }
}
