package io.github.slidestream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.locationtech.jts.geom.GeometryFactory;
import org.locationtech.jts.geom.Polygon;

class SegmentationTest {
    private static final BufferedImage TISSUE = Fixtures.tissue(700, 600);

    @TempDir
    Path folder;

    @Test
    void aSlideTellsAboutItself() {
        try (Slide slide = Slide.open(Fixtures.write(TISSUE, folder.resolve("é [1].png")))) {
            assertEquals(700, slide.width());
            assertEquals(600, slide.height());
            assertEquals("png", slide.reader());
            assertTrue(slide.micronsPerPixelX().isEmpty());
        }
        FileException missing = assertThrows(FileException.class, () -> Slide.open(folder.resolve("none.svs")));
        assertTrue(missing.getMessage().contains("none.svs"), missing.getMessage());
    }

    @Test
    void objectsOfAFileAreThoseOfItsPixelsAndValidInJts() throws Exception {
        Path file = Fixtures.write(TISSUE, folder.resolve("tissue.png"));
        try (Slide slide = Slide.open(file);
                Slide pixels = Slide.of(new Fixtures.InMemory(TISSUE));
                Model model = Fixtures.model(Engine.shared())) {
            Segmentation segmentation = Fixtures.everywhere(model).build();
            SegmentationResult ofFile = segmentation.run(slide);
            SegmentationResult ofPixels = segmentation.run(pixels);
            assertTrue(ofFile.objectCount() > 20, ofFile.objectCount() + " objects");
            assertTrue(Fixtures.same(Fixtures.rings(ofFile.batches()), Fixtures.rings(ofPixels.batches())));
            int count = 0;
            GeometryFactory factory = new GeometryFactory();
            for (ObjectBatch batch : ofFile.batches()) {
                Polygon[] polygons = JtsGeometries.polygons(batch, factory);
                for (int object = 0; object < batch.size(); object++) {
                    assertTrue(polygons[object].isValid());
                    assertEquals("Nucleus", model.classes().get(batch.classOf(object)).name());
                    // The pixels are 0.5 µm, and nothing is simplified.
                    assertEquals(polygons[object].getArea() * 0.25, batch.measurement(object, 0), 1e-6);
                    assertTrue(batch.score(object) > 0.3 && batch.score(object) <= 1);
                    assertTrue(batch.centroidX(object) > 0 && batch.centroidY(object) < 600);
                    count++;
                }
            }
            assertEquals(ofFile.objectCount(), count);
            assertTrue(ofFile.manifest().orElseThrow().contains("\"whole_slide\""));

            StringBuilder text = new StringBuilder();
            GeoJson.write(ofFile.batches(), model, text);
            Map<String, Object> json = Json.object(Json.parse(text.toString()));
            Map<String, Object> first = Json.object(Json.list(json.get("features")).get(0));
            assertEquals(count, Json.list(json.get("features")).size());
            assertEquals(ofFile.batches().get(0).id(0).toString(), first.get("id"));
        }
    }

    @Test
    void filesAreWrittenOnceAndOnlyInsideTheArea() {
        Path out = folder.resolve("out");
        try (Slide slide = Slide.of(new Fixtures.InMemory(TISSUE)); Model model = Fixtures.model(Engine.shared())) {
            Segmentation segmentation = Fixtures.everywhere(model)
                    .area(Area.rectangle(0, 0, 300, 200)).out(out).build();
            List<Progress> told = new ArrayList<>();
            SegmentationResult first = segmentation.run(slide, new RunListener() {
                @Override
                public void progress(Progress now) {
                    told.add(now);
                }
            }, new CancelToken());
            assertTrue(Files.exists(out.resolve("objects.geojson")) && Files.exists(out.resolve("manifest.json")));
            assertEquals(1.0, told.get(told.size() - 1).share());
            assertTrue(first.skipped().isEmpty());
            assertTrue(segmentation.run(slide).skipped().orElseThrow().contains("has its result"));
        }
    }

    @Test
    void whatCannotBeDoneIsATypedExceptionThatNamesTheValue() {
        try (Slide slide = Slide.of(new Fixtures.InMemory(TISSUE)); Model model = Fixtures.model(Engine.shared())) {
            Segmentation odd = Fixtures.everywhere(model).tile(650).build();
            assertTrue(assertThrows(OptionException.class, () -> odd.run(slide)).getMessage().contains("input.tile_px"));
            Segmentation beside = Fixtures.everywhere(model).area(Area.rectangle(9000, 9000, 5, 5)).build();
            assertTrue(assertThrows(OptionException.class, () -> beside.run(slide)).getMessage().contains("area.outlines"));
            Segmentation nothing = Fixtures.everywhere(model).batch(0).build();
            assertThrows(OptionException.class, () -> nothing.run(slide));
        }
        assertTrue(assertThrows(ModelException.class, () -> Model.load("no-such-model")).getMessage().contains("he-nuclei"));
        assertThrows(DeviceException.class, () -> Model.builder(Fixtures.nuclei()).device("cuda:77").load());
        assertThrows(OptionException.class, () -> Area.rectangle(0, 0, Double.NaN, 1));
        assertThrows(OptionException.class, () -> Segmentation.builder().build());
        Slide closed = Slide.of(new Fixtures.InMemory(TISSUE));
        closed.close();
        try (Model model = Fixtures.model(Engine.shared())) {
            assertThrows(IllegalStateException.class, () -> Fixtures.everywhere(model).build().run(closed));
        }
    }

    @Test
    void aSourceThatFailsAndAListenerThatThrowsEndTheJobWithTheirOwnWords() {
        PixelSource broken = new PixelSource() {
            @Override
            public String name() {
                return "broken";
            }

            @Override
            public List<int[]> levels() {
                return List.of(new int[] {300, 300});
            }

            @Override
            public java.util.OptionalDouble micronsPerPixel() {
                return java.util.OptionalDouble.of(0.5);
            }

            @Override
            public void read(int level, int x, int y, int width, int height, ByteBuffer rgb) throws IOException {
                throw new IOException("the server is closed");
            }
        };
        try (Model model = Fixtures.model(Engine.shared())) {
            Segmentation segmentation = Fixtures.everywhere(model).build();
            ImageException told = assertThrows(ImageException.class, () -> segmentation.run(Slide.of(broken)));
            assertTrue(told.getMessage().contains("the server is closed"), told.getMessage());
            RunListener angry = new RunListener() {
                @Override
                public void progress(Progress now) {
                    throw new UnsupportedOperationException("not my kind");
                }
            };
            Slide slide = Slide.of(new Fixtures.InMemory(TISSUE));
            UnsupportedOperationException thrown = assertThrows(UnsupportedOperationException.class,
                    () -> segmentation.run(slide, angry, new CancelToken()));
            assertEquals("not my kind", thrown.getMessage());
        }
    }

    @Test
    void aTokenAndAnInterruptionStopARun() throws Exception {
        Slide slide = Slide.of(new Fixtures.InMemory(Fixtures.tissue(3000, 3000)));
        try (Model model = Fixtures.model(Engine.shared())) {
            Segmentation segmentation = Fixtures.everywhere(model).build();
            CancelToken token = new CancelToken();
            RunListener stop = new RunListener() {
                @Override
                public void progress(Progress now) {
                    token.cancel();
                }
            };
            assertThrows(StoppedException.class, () -> segmentation.run(slide, stop, token));
            assertThrows(StoppedException.class, () -> segmentation.run(slide, RunListener.NONE, token), "it stays cancelled");
            assertEquals(0, token.watchers());
            AtomicReference<Object> end = new AtomicReference<>();
            Thread waiting = new Thread(() -> {
                try {
                    segmentation.run(slide);
                } catch (StoppedException stopped) {
                    end.set(Thread.currentThread().isInterrupted());
                }
            });
            waiting.start();
            waiting.interrupt();
            waiting.join(30_000);
            assertEquals(true, end.get(), "stopped, and still interrupted");
        }
    }

    @Test
    void aSubscriberSetsThePaceAndMayLeave() throws Exception {
        Slide slide = Slide.of(new Fixtures.InMemory(TISSUE));
        try (Model model = Fixtures.model(Engine.shared())) {
            Segmentation segmentation = Fixtures.everywhere(model).build();
            List<ObjectBatch> got = new ArrayList<>();
            CountDownLatch done = new CountDownLatch(1);
            AtomicReference<Throwable> failure = new AtomicReference<>();
            class Reader implements Flow.Subscriber<ObjectBatch> {
                private final long most;
                private Flow.Subscription subscription;

                Reader(long most) {
                    this.most = most;
                }

                @Override
                public void onSubscribe(Flow.Subscription subscription) {
                    this.subscription = subscription;
                    subscription.request(most);
                }

                @Override
                public void onNext(ObjectBatch batch) {
                    got.add(batch);
                    subscription.request(1);
                }

                @Override
                public void onError(Throwable error) {
                    failure.set(error);
                    done.countDown();
                }

                @Override
                public void onComplete() {
                    done.countDown();
                }
            }
            segmentation.publish(slide).subscribe(new Reader(1));
            assertTrue(done.await(60, TimeUnit.SECONDS));
            assertTrue(Fixtures.same(Fixtures.rings(segmentation.run(slide).batches()), Fixtures.rings(got)));
            assertEquals(null, failure.get());
            CountDownLatch wrong = new CountDownLatch(1);
            segmentation.publish(slide).subscribe(new Flow.Subscriber<>() {
                @Override
                public void onSubscribe(Flow.Subscription subscription) {
                    subscription.request(0);
                }

                @Override
                public void onNext(ObjectBatch batch) {}

                @Override
                public void onError(Throwable error) {
                    failure.set(error);
                    wrong.countDown();
                }

                @Override
                public void onComplete() {}
            });
            assertTrue(wrong.await(60, TimeUnit.SECONDS));
            assertTrue(failure.get() instanceof IllegalArgumentException, "" + failure.get());
        }
    }

    @Test
    void devicesAndModelsAreListedWithReasons() {
        assertTrue(Devices.list().stream()
                .anyMatch(device -> device.name().equals("cpu") && device.available() && !device.reason().isBlank()));
        Models.KnownModel nuclei = Models.list().stream()
                .filter(model -> model.name().equals("he-nuclei")).findFirst().orElseThrow();
        assertTrue(nuclei.usable() && nuclei.micronsPerPixel() == 0.5 && nuclei.card().contains("#"));
        String text = Diagnostics.describe();
        assertTrue(text.contains("devices:") && text.contains("he-nuclei") && !text.contains("FAILED"), text);
    }
}
