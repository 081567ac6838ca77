package io.github.slidestream.qupath;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import groovy.lang.Binding;
import groovy.lang.GroovyShell;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.Engines;
import io.github.slidestream.qupath.train.Folders;
import io.github.slidestream.qupath.train.PretrainRun;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The workflow's line of a pre-training, run by the Groovy that QuPath 0.6 carries. */
class PretrainScriptTest {
    private static final PretrainRun.Slide A = new PretrainRun.Slide("a's.svs", Path.of("/s/a.svs"), 0.25, null);
    private static final PretrainRun.Slide B = new PretrainRun.Slide("b.svs", Path.of("/s/b.svs"), 0.5, null);
    private static final PretrainRun.Slide C = new PretrainRun.Slide("c.tif", null, 0.5, "it is not RGB");
    private static final List<PretrainRun.Slide> ALL = List.of(A, B, C);

    @TempDir Path folder;

    @AfterEach
    void forget() {
        Engines.use(null);
    }

    private static Object groovy(String script) {
        Binding binding = new Binding();
        binding.setVariable("slides", ALL);
        return new GroovyShell(binding).evaluate(script);
    }

    @Test
    void theLineSaysAgainWhatWasDone() throws EngineException {
        for (PretrainRun.Settings settings : List.of(
                new PretrainRun.Settings("mine", 0.5, 20, List.of(A), "auto", 0, Folders.RUNS),
                new PretrainRun.Settings("mine-2", 1.25, 3, List.of(A, B), "cuda:0", 2, Path.of("/r x")))) {
            Pretrain built = (Pretrain) groovy(settings.script().replaceFirst("\\s*\\.run\\(\\)$", ""));
            assertEquals(settings, built.settings(ALL));
        }
    }

    @Test
    void theLineRunsAsItStands() {
        FakeEngine engine = new FakeEngine();
        Engines.use(engine);
        PretrainRun.Settings settings = new PretrainRun.Settings("mine", 0.5, 2, List.of(A), "cpu", 1, folder);
        assertEquals(folder.resolve("mine"), groovy(settings.script().replace(".run()", ".run(slides)")));
        assertEquals(1, engine.trainings.size());
    }

    @Test
    void withoutNamesAllUsableSlidesAreTakenAndAnUnknownNameIsAnError() throws EngineException {
        Pretrain all = (Pretrain) groovy("io.github.slidestream.qupath.Pretrain.builder().name('n').build()");
        assertEquals(List.of(A, B), all.settings(ALL).slides());
        Pretrain unknown = (Pretrain) groovy("io.github.slidestream.qupath.Pretrain.builder().name('n').images('d.svs').build()");
        String message = assertThrows(EngineException.class, () -> unknown.settings(ALL)).getMessage();
        assertTrue(message.contains("d.svs"), message);
    }
}
