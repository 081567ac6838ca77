package io.github.slidestream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FaultTest {
    @TempDir
    Path folder;

    private static void signal(String signal, long pid) throws Exception {
        assertEquals(0, new ProcessBuilder("kill", signal, Long.toString(pid)).start().waitFor());
    }

    private static Throwable failure(CompletableFuture<?> future) throws Exception {
        return assertThrows(ExecutionException.class, () -> future.get(60, TimeUnit.SECONDS)).getCause();
    }

    @Test
    void anEngineThatIsKilledOrCrashesCostsTheJobOnlyAndTheNextCallStartsAFreshOne() throws Exception {
        try (Engine engine = Engine.builder().logs(folder).build()) {
            long last = 0;
            for (String signal : new String[] {"-KILL", "-ABRT", "-SEGV"}) {
                Slide slide = Slide.of(new Fixtures.InMemory(Fixtures.tissue(3000, 3000)), engine);
                Model model = Fixtures.model(engine);
                CountDownLatch works = new CountDownLatch(1);
                CompletableFuture<SegmentationResult> job = Fixtures.everywhere(model).build().runAsync(slide, new RunListener() {
                    @Override
                    public void progress(Progress now) {
                        works.countDown();
                    }
                }, new CancelToken());
                assertTrue(works.await(60, TimeUnit.SECONDS));
                long pid = engine.pid().orElseThrow();
                assertNotEquals(last, pid);
                last = pid;
                signal(signal, pid);
                // Rust's own handler lets the first SIGSEGV pass, so that a faulting instruction runs into the next; and two that are
                // sent at once may arrive as one.
                for (int again = 0; signal.equals("-SEGV") && again < 600 && ProcessHandle.of(pid).isPresent(); again++) {
                    Thread.sleep(50);
                    new ProcessBuilder("kill", signal, Long.toString(pid)).start().waitFor();
                }
                Throwable told = failure(job);
                assertTrue(told instanceof EngineException, told.toString());
                assertTrue(told.getMessage().contains("SIG" + signal.substring(1)), told.getMessage());
                assertTrue(told.getMessage().contains(engine.log().orElseThrow().toString()), told.getMessage());
            }
            assertTrue(Devices.list(engine).size() >= 1);
        }
    }

    @Test
    void anEngineThatHangsIsKilledByItsWatcher() throws Exception {
        try (Engine engine = Engine.builder().logs(folder).silence(Duration.ofMillis(1500)).build()) {
            Devices.list(engine);
            signal("-STOP", engine.pid().orElseThrow());
            EngineException told = assertThrows(EngineException.class, () -> Devices.list(engine));
            assertTrue(told.getMessage().contains("did not answer for 1.5 s"), told.getMessage());
            Devices.list(engine);
        }
    }

    @Test
    void anEngineThatDoesNotStartIsAnExceptionWithItsWords() throws Exception {
        Path script = folder.resolve("engine.sh");
        Files.writeString(script, "#!/bin/sh\necho 'libtorch_cpu.so: cannot open shared object file' >&2\nexit 127\n");
        assertTrue(script.toFile().setExecutable(true));
        try (Engine engine = Engine.builder().program(script).logs(folder).build()) {
            EngineException told = assertThrows(EngineException.class, () -> Devices.list(engine));
            assertTrue(told.getMessage().contains("libtorch_cpu.so") && told.getMessage().contains("127"), told.getMessage());
        }
        try (Engine engine = Engine.builder().program(folder.resolve("none")).logs(folder).build()) {
            assertTrue(assertThrows(EngineException.class, () -> Devices.list(engine)).getMessage().contains("No such file"));
        }
    }

    @Test
    void theEngineHoldsNoPortOfTheJvm() throws IOException {
        try (Engine engine = Engine.builder().logs(folder).build()) {
            int port;
            try (ServerSocket socket = new ServerSocket(0)) {
                port = socket.getLocalPort();
                Devices.list(engine);
            }
            new ServerSocket(port).close();
        }
    }

    @Test
    void aClosedOrIdleEngineIsGone() throws Exception {
        Engine engine = Engine.builder().logs(folder).idle(Duration.ofMillis(300)).build();
        Devices.list(engine);
        long pid = engine.pid().orElseThrow();
        Fixtures.until("an idle engine has ended", () -> ProcessHandle.of(pid).isEmpty() && engine.pid().isEmpty());
        Devices.list(engine);
        long next = engine.pid().orElseThrow();
        engine.close();
        assertTrue(ProcessHandle.of(next).isEmpty());
        assertThrows(IllegalStateException.class, () -> Devices.list(engine));
        engine.close();
    }

    @Test
    void aThousandJobsThatAreStoppedLeaveNoThreadAndNoHandle() throws Exception {
        try (Engine engine = Engine.builder().logs(folder).build(); Model model = Fixtures.model(engine)) {
            Segmentation segmentation = Fixtures.everywhere(model).build();
            var image = Fixtures.tissue(700, 700);
            int handles = Native.handles();
            for (int i = 0; i < 1000; i++) {
                try (Slide slide = Slide.of(new Fixtures.InMemory(image), engine)) {
                    CancelToken token = new CancelToken();
                    CompletableFuture<SegmentationResult> job = segmentation.runAsync(slide, RunListener.NONE, token);
                    if (i % 3 == 0) {
                        Thread.sleep(2);
                    }
                    token.cancel();
                    assertTrue(failure(job) instanceof StoppedException);
                }
            }
            assertEquals(handles, Native.handles());
            Fixtures.until("idle threads have ended", () -> Thread.getAllStackTraces().keySet().stream()
                    .noneMatch(thread -> thread.getName().startsWith("slidestream-")));
            long pid = engine.pid().orElseThrow();
            long threads = Files.list(Path.of("/proc/" + pid + "/task")).count();
            assertTrue(threads < 40, threads + " threads in the engine");
        }
    }
}
