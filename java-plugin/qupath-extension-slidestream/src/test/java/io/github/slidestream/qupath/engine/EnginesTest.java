package io.github.slidestream.qupath.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.slidestream.qupath.FakeEngine;
import java.util.List;
import org.junit.jupiter.api.Test;

class EnginesTest {
    @Test
    void aJarWithoutAnEngineSaysSoAndHowToMendIt() {
        EngineException error = assertThrows(EngineException.class, () -> Engines.open(List.of(), null));
        assertTrue(error.getMessage().contains("carries no engine") && error.getMessage().contains("release page"));
    }

    @Test
    void aLibraryThatCannotBeLoadedGivesItsReason() {
        EngineException error = assertThrows(EngineException.class, () -> Engines.open(List.of(program -> {
            throw new UnsatisfiedLinkError("GLIBC_2.34 not found");
        }), null));
        assertTrue(error.getMessage().contains("GLIBC_2.34 not found"), error.getMessage());
    }

    @Test
    void theFirstProviderIsTaken() throws EngineException {
        FakeEngine engine = new FakeEngine();
        assertSame(engine, Engines.open(List.of(program -> engine), null));
    }

    @Test
    void anOrderToStopReachesActionsOfBothSides() throws CancelledException {
        Cancel cancel = new Cancel();
        int[] told = new int[2];
        cancel.check();
        cancel.onCancel(() -> told[0]++);
        cancel.cancel();
        cancel.cancel();
        cancel.onCancel(() -> told[1]++);
        assertEquals(1, told[0]);
        assertEquals(1, told[1]);
        assertThrows(CancelledException.class, cancel::check);
    }
}
