package io.github.slidestream.qupath.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.EngineSetup;
import io.github.slidestream.qupath.engine.Listener.Progress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javafx.scene.Parent;
import org.junit.jupiter.api.Test;

class InstallDialogTest extends DialogTest {
    private static final String ADDRESS = "https://slides.example/slidestream-engine-linux-x86_64-cpu.tar.zst";

    private final CountDownLatch go = new CountDownLatch(1);
    private volatile String asked;
    private volatile String failure;
    private volatile boolean told;

    /** Shows a download at half its way, then does what the test says. */
    private final class FakeSetup implements EngineSetup {
        @Override
        public Path place() {
            return FOLDER.resolve("engine");
        }

        @Override
        public String usualAddress() {
            return ADDRESS;
        }

        @Override
        public Path install(String source, String sha256, Consumer<Progress> progress, Cancel cancel)
                throws EngineException, CancelledException {
            asked = source + " " + sha256;
            progress.accept(new Progress(61_000_000, 122_000_000, 4_200_000, 14.5, "downloading"));
            try {
                while (!go.await(20, TimeUnit.MILLISECONDS)) {
                    cancel.check();
                }
            } catch (InterruptedException error) {
                throw new CancelledException();
            }
            if (failure != null) {
                throw new EngineException(failure);
            }
            broken = null;
            return place().resolve("slidestream");
        }
    }

    @Override
    Parent dialog() {
        broken = new EngineException("no program `slidestream` was found");
        return new InstallController(new FakeSetup(), source(), background, () -> told = true).load();
    }

    @Test
    void itShowsWhatItDoesAndThatTheEngineIsThere() throws Exception {
        until(() -> text("state").contains("no program `slidestream` was found"));
        assertEquals("", text("reason"));
        press("start");
        until(() -> text("progress").contains("61 of 122 MB"));
        assertTrue(text("progress").startsWith("Downloading:") && text("progress").contains("left"), text("progress"));
        assertTrue(button("start").isDisabled());
        snapshot("install", 100);
        snapshot("install", 200);
        go.countDown();
        until(() -> text("result").contains("engine/slidestream"));
        until(() -> text("state").startsWith("An engine is installed"));
        assertTrue(told);
        assertEquals(ADDRESS + " ", asked);
    }

    @Test
    void whatCannotBeInstalledSaysWhyBeforeAndAfter() throws Exception {
        fx(() -> field("source").setText(""));
        assertTrue(text("reason").contains("Give the address"), text("reason"));
        fx(() -> field("source").setText("/no/such/file.tar.zst"));
        assertTrue(text("reason").contains("/no/such/file.tar.zst"), text("reason"));
        Path file = Files.createTempFile("engine", ".tar.zst");
        fx(() -> field("source").setText(file.toString()));
        assertEquals("", text("reason"));
        fx(() -> field("sum").setText("12"));
        assertTrue(text("reason").contains("64 digits"), text("reason"));
        fx(() -> field("sum").setText("a".repeat(64)));
        failure = "the file differs from its checksum; copy it again";
        go.countDown();
        press("start");
        until(() -> text("result").contains("differs from its checksum"));
        assertFalse(told);
        assertEquals(file + " " + "a".repeat(64), asked);
        snapshot("install-failed", 100);
    }

    @Test
    void itCanBeStopped() throws Exception {
        press("start");
        until(() -> text("progress").contains("MB"));
        press("stop");
        until(() -> text("result").contains("Stopped"));
        assertFalse(told);
        assertFalse(button("start").isDisabled());
    }
}
