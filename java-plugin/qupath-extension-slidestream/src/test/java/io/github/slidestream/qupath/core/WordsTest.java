package io.github.slidestream.qupath.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.slidestream.qupath.FakeEngine;
import io.github.slidestream.qupath.FakeImage;
import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.Listener.Progress;
import io.github.slidestream.qupath.engine.ModelCard;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class WordsTest {
    @Test
    void paceTellsCountRateAndTimeLeft() {
        assertEquals("120 of 4,000 tiles, 31.4 tiles/s, 2 min 4 s left", Pace.text(new Progress(120, 4000, 31.4, 124, ""), "tiles"));
        assertEquals("0 of 5 tiles", Pace.text(new Progress(0, 5, 0, Double.POSITIVE_INFINITY, ""), "tiles"));
        assertEquals("looking at the image", Pace.text(new Progress(0, 0, 0, Double.NaN, ""), "tiles"));
        assertEquals("0.2 s", Pace.duration(0.21));
        assertEquals("12 s", Pace.duration(12.3));
        assertEquals("2 h 10 min", Pace.duration(7800));
        assertEquals("1 h", Pace.duration(3600));
        assertEquals("1 min", Pace.duration(59.7));
    }

    @Test
    void pixelSizesAreComparedInWords() {
        PixelSize fine = new PixelSize(OptionalDouble.of(0.25), OptionalDouble.of(0.25), 0.5);
        assertEquals("The image has 0.25 µm per pixel, the model looks at 0.5: reduced 2.00 times.", fine.text());
        assertTrue(fine.refusal().isEmpty());
        assertTrue(new PixelSize(OptionalDouble.of(0.5), OptionalDouble.of(0.5), 0.5).text().contains("taken as it is"));
        PixelSize flat = new PixelSize(OptionalDouble.of(0.25), OptionalDouble.of(0.5), 0.5);
        assertTrue(flat.refusal().orElseThrow().contains("square"));
        assertTrue(new PixelSize(OptionalDouble.of(1.1), OptionalDouble.of(1.1), 0.5).refusal().orElseThrow().contains("too coarse"));
        assertTrue(new PixelSize(OptionalDouble.empty(), OptionalDouble.empty(), 0.5).refusal().orElseThrow().contains("pixel size"));
    }

    @Test
    void aRunGoesOnlyWhereARunCanGo() {
        assertTrue(RunState.IDLE.mayBecome(RunState.RUNNING));
        assertTrue(RunState.FAILED.mayBecome(RunState.RUNNING));
        assertFalse(RunState.RUNNING.mayBecome(RunState.RUNNING));
        assertFalse(RunState.STOPPING.mayBecome(RunState.RUNNING));
        assertFalse(RunState.RUNNING.mayBecome(RunState.STOPPED));
        assertTrue(RunState.STOPPING.mayBecome(RunState.DONE), "it may be done before it hears the order");
        assertFalse(RunState.IDLE.mayBecome(RunState.DONE));
    }

    @Test
    void channelsMapTheRangeAndRefuseAnEmptyOne() {
        Channels channels = new Channels(0, 1, 2, 100, 1100);
        assertEquals(0, channels.level(20));
        assertEquals(128, channels.level(600));
        assertEquals(255, channels.level(5000));
        assertThrows(IllegalArgumentException.class, () -> new Channels(0, 1, 2, 5, 5));
    }

    @Test
    void whatHindersARunIsNamedInTheOrderOfItsCure() {
        FakeImage image = new FakeImage();
        ModelCard good = new FakeEngine().models.get(0);
        ModelCard torn = new FakeEngine().models.get(1);
        assertRefused("running", image, null, good, null, RunState.RUNNING);
        assertRefused("GLIBC", image, "needs GLIBC_2.28", good, null, RunState.IDLE);
        assertRefused("No image", null, null, good, null, RunState.IDLE);
        assertRefused("Choose a model", image, null, null, null, RunState.IDLE);
        assertRefused("weights.safetensors is missing", image, null, torn, null, RunState.IDLE);
        assertRefused("no driver", image, null, good, new Device("cuda", false, "no driver"), RunState.IDLE);
        assertRefused("Nothing is selected", image, null, good, null, RunState.IDLE);
        image.selected.add(FakeImage.target("a", FakeImage.box(0, 0, 10, 10)));
        assertTrue(ready(image, null, good, null, RunState.DONE).refusal().isEmpty());
        image.rgb = false;
        assertRefused("not RGB", image, null, good, null, RunState.IDLE);
    }

    private static void assertRefused(String part, OpenImage image, String problem, ModelCard model, Device device, RunState state) {
        String text = ready(image, problem, model, device, state).refusal().orElseThrow();
        assertTrue(text.contains(part), text);
    }

    private static Readiness ready(OpenImage image, String problem, ModelCard model, Device device, RunState state) {
        return new Readiness(image, problem, model, device, Where.SELECTED, null, null, false, state);
    }

    @Test
    void unknownWordsAreRefusedWithTheKnownOnes() {
        String message = assertThrows(IllegalArgumentException.class, () -> Where.of("tumour")).getMessage();
        assertTrue(message.contains("tumour") && message.contains("tissue"), message);
        assertThrows(IllegalArgumentException.class, () -> Output.of("cells"));
        List.of(Where.values()).forEach(where -> assertEquals(where, Where.of(where.word())));
    }
}
