package io.github.slidestream.qupath;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import groovy.lang.Binding;
import groovy.lang.GroovyShell;
import io.github.slidestream.qupath.core.Channels;
import io.github.slidestream.qupath.core.Output;
import io.github.slidestream.qupath.core.SegmentRun;
import io.github.slidestream.qupath.core.SegmentSettings;
import io.github.slidestream.qupath.core.Where;
import io.github.slidestream.qupath.engine.Engines;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The workflow's line, run by the Groovy that QuPath 0.6 carries. */
class SegmentScriptTest {
    private static final SegmentSettings PLAIN = new SegmentSettings(
            "he-nuclei", Where.TISSUE, Output.DETECTIONS, "auto", 0, OptionalInt.empty(), OptionalInt.empty(), null, false, false);
    private static final SegmentSettings FULL = new SegmentSettings("C:/models/it's $5 \\ \"new\"", Where.ANNOTATIONS, Output.MEASUREMENTS,
            "cuda:0", 4, OptionalInt.of(512), OptionalInt.of(64), new Channels(2, 1, 0, 0.5, 4095), true, true);

    @AfterEach
    void forget() {
        Engines.use(null);
    }

    private static Object groovy(String script, FakeImage image) {
        Binding binding = new Binding();
        binding.setVariable("image", image);
        return new GroovyShell(binding).evaluate(script);
    }

    @Test
    void theLineSaysAgainWhatWasDone() {
        for (SegmentSettings settings : new SegmentSettings[] {PLAIN, FULL}) {
            String script = settings.script().replaceFirst("\\s*\\.run\\(\\)$", "");
            assertEquals(settings, ((Segment) groovy(script, null)).settings(), settings.script());
        }
    }

    @Test
    void theLineRunsAsItStands() {
        FakeImage image = new FakeImage();
        Engines.use(new FakeEngine());
        Object summary = groovy(PLAIN.script().replace(".run()", ".run(image)"), image);
        assertTrue(((SegmentRun.Summary) summary).objects() > 1000);
        assertEquals(PLAIN.script(), image.script.get(0));
    }

    @Test
    void aShortLineTakesTheDefaults() {
        Segment segment = (Segment) groovy("io.github.slidestream.qupath.Segment.builder().model('he-nuclei').build()", null);
        assertEquals(Where.SELECTED, segment.settings().where());
        assertEquals(Output.DETECTIONS, segment.settings().output());
    }

    @Test
    void badValuesEndTheScriptWithTheirName() {
        String message = assertThrows(IllegalArgumentException.class,
                () -> groovy("io.github.slidestream.qupath.Segment.builder().model('m').tile(3).build()", null)).getMessage();
        assertTrue(message.contains("tile(3)"), message);
        assertThrows(IllegalArgumentException.class, () -> groovy("io.github.slidestream.qupath.Segment.builder().build()", null));
    }
}
