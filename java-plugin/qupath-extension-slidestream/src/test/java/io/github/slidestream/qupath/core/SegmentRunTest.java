package io.github.slidestream.qupath.core;

import static io.github.slidestream.qupath.FakeImage.box;
import static io.github.slidestream.qupath.FakeImage.openslide;
import static io.github.slidestream.qupath.FakeImage.target;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.slidestream.qupath.FakeEngine;
import io.github.slidestream.qupath.FakeImage;
import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.LoadedModel;
import io.github.slidestream.qupath.engine.SegmentJob;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SegmentRunTest {
    private final FakeEngine engine = new FakeEngine();
    private final FakeImage image = new FakeImage();

    private static SegmentSettings settings(Where where, Output output, Channels channels) {
        return new SegmentSettings("he-nuclei", where, output, "cpu", 2, OptionalInt.of(512), OptionalInt.empty(), channels, false, false);
    }

    private SegmentRun.Summary run(Where where, Output output) throws EngineException {
        return new SegmentRun(engine, image, settings(where, output, null), engine::fileProperties)
                .run(new SegmentRun.Watcher() {}, new Cancel());
    }

    @Test
    void eachTargetGetsItsOwnObjectsAndTheRunIsRemembered() throws EngineException {
        image.annotations.add(target("a", box(0, 0, 100, 100)));
        image.annotations.add(target("b", box(500, 500, 60, 60)));
        SegmentRun.Summary summary = run(Where.ANNOTATIONS, Output.DETECTIONS);
        assertEquals(2, summary.complete());
        assertEquals(image.objects.get("a").size() + image.objects.get("b").size(), summary.objects());
        assertTrue(image.objects.get("b").stream().allMatch(one -> box(500, 500, 60, 60).covers(one.geometry())));
        assertEquals(List.of(settings(Where.ANNOTATIONS, Output.DETECTIONS, null).script()), image.script);
        assertEquals(0.25, engine.jobs.get(0).mpp());
        assertEquals(OptionalInt.of(512), engine.jobs.get(0).tile());
    }

    @Test
    void eachTargetIsReadFromItsOwnSliceAndTime() throws EngineException {
        image.server = new ServerFacts(SlideRoute.OPENSLIDE, image.server.uris(), List.of(), 1000, 800, 12);
        image.annotations.add(new Target("a", "a", box(0, 0, 100, 100), 3, 1));
        image.annotations.add(new Target("b", "b", box(0, 0, 100, 100), 0, 2));
        SegmentRun.Summary summary = run(Where.ANNOTATIONS, Output.DETECTIONS);
        assertEquals(List.of("3 1", "0 2"), image.planes);
        assertTrue(summary.text().contains("read through QuPath"), summary.text());
    }

    @Test
    void objectsLieWhereTheSlidesBoundsPutThem(@TempDir Path folder) throws EngineException, IOException {
        Path file = Files.createFile(folder.resolve("slide.mrxs")).toRealPath();
        image.server = openslide(file.toUri(), 1000, 800);
        engine.properties = Map.of("level0.width", "9000", "level0.height", "9000", "openslide.bounds-x", "700",
                "openslide.bounds-y", "900", "openslide.bounds-width", "1000", "openslide.bounds-height", "800");
        image.selected.add(target("a", box(20, 40, 100, 100)));
        SegmentRun.Summary summary = run(Where.SELECTED, Output.DETECTIONS);
        SegmentJob job = engine.jobs.get(0);
        assertEquals(file, job.file());
        assertNull(job.pixels());
        // Asked in the file's pixels, answered in the image's.
        double[] outline = ((SegmentJob.Outlines) job.area()).polygons().get(0).get(0);
        assertTrue(java.util.Arrays.stream(outline).min().orElseThrow() == 720);
        assertEquals(20, image.objects.get("a").get(0).rings()[0][0]);
        assertEquals(40, image.objects.get("a").get(0).rings()[0][1]);
        assertTrue(summary.text().contains("from 700, 900"), summary.text());
    }

    @Test
    void otherServersHandOverTheirPixels() throws EngineException {
        SegmentRun.Summary summary = run(Where.EVERYWHERE, Output.DETECTIONS);
        assertNotNull(engine.jobs.get(0).pixels());
        assertInstanceOf(SegmentJob.Everywhere.class, engine.jobs.get(0).area());
        assertTrue(summary.text().contains("read through QuPath: the image is opened by BioFormatsImageServer"), summary.text());
        run(Where.TISSUE, Output.DETECTIONS);
        assertInstanceOf(SegmentJob.Tissue.class, engine.jobs.get(1).area());
    }

    @Test
    void aStoppedRunLeavesUnfinishedTargetsAsTheyWere() throws EngineException {
        image.annotations.add(target("a", box(0, 0, 100, 100)));
        image.annotations.add(target("b", box(500, 500, 60, 60)));
        Cancel cancel = new Cancel();
        SegmentRun.Watcher stopInB = new SegmentRun.Watcher() {
            @Override
            public void preview(List<FoundObject> found, LoadedModel model) {
                if (!image.objects.isEmpty()) {
                    cancel.cancel();
                }
            }
        };
        SegmentRun.Summary summary = new SegmentRun(
                engine, image, settings(Where.ANNOTATIONS, Output.DETECTIONS, null), engine::fileProperties).run(stopInB, cancel);
        assertEquals(java.util.Set.of("a"), image.objects.keySet());
        assertTrue(summary.stopped());
        assertTrue(summary.text().startsWith("Stopped: 1 of 2 parts are complete"), summary.text());
    }

    @Test
    void aRunStoppedAtOnceChangesNothing() throws EngineException {
        Cancel cancel = new Cancel();
        cancel.cancel();
        SegmentRun.Summary summary = new SegmentRun(
                engine, image, settings(Where.EVERYWHERE, Output.DETECTIONS, null), engine::fileProperties)
                .run(new SegmentRun.Watcher() {}, cancel);
        assertEquals("Stopped. Nothing was changed.", summary.text());
        assertTrue(image.objects.isEmpty() && image.script.isEmpty());
    }

    @Test
    void measurementsCountWithoutMakingObjects() throws EngineException {
        image.selected.add(target("a", box(0, 0, 100, 100)));
        run(Where.SELECTED, Output.MEASUREMENTS);
        assertTrue(image.objects.isEmpty());
        Map<String, Double> numbers = image.numbers.get("a");
        double count = numbers.get("he-nuclei: Nucleus count");
        assertEquals(20, count);
        assertEquals(count * 96 / 16, numbers.get("he-nuclei: Nucleus area µm^2"), 1e-9);
        assertEquals(100 * count * 96 / 1e4, numbers.get("he-nuclei: Nucleus area %"), 1e-9);
        assertEquals(count / (1e4 / 16 / 1e6), numbers.get("he-nuclei: Nucleus per mm^2"), 1e-6);
        assertEquals(0.75, numbers.get("he-nuclei: Nucleus mean probability"), 1e-9);
        assertTrue(numbers.keySet().stream().noneMatch(name -> name.contains("Background")));
    }

    @Test
    void imagesThatTheModelCannotTakeAreRefusedWithTheCure() {
        image.microns = OptionalDouble.empty();
        assertTrue(refusal(null).contains("pixel size"));
        image.microns = OptionalDouble.of(2);
        assertTrue(refusal(null).contains("too coarse"));
        image.microns = OptionalDouble.of(0.5);
        image.fluorescence = true;
        assertTrue(refusal(null).contains("fluorescence(true)"));
        image.rgb = false;
        assertTrue(refusal(null).contains("channels(r, g, b, black, white)"));
        assertTrue(refusal(new Channels(0, 1, 3, 0, 255)).contains("has 3 channels"));
        image.rgb = true;
        assertTrue(refusal(new Channels(0, 1, 2, 0, 255)).contains("leave out channels"));
        assertTrue(engine.jobs.isEmpty());
    }

    private String refusal(Channels channels) {
        return assertThrows(EngineException.class, () -> new SegmentRun(
                engine, image, settings(Where.EVERYWHERE, Output.DETECTIONS, channels), engine::fileProperties)
                .run(new SegmentRun.Watcher() {}, new Cancel())).getMessage();
    }

    @Test
    void nothingSelectedIsAnErrorThatNamesTheWayOut() {
        String message = assertThrows(EngineException.class, () -> run(Where.SELECTED, Output.DETECTIONS)).getMessage();
        assertTrue(message.contains("where(\"tissue\")"), message);
    }
}
