package io.github.slidestream.qupath.train;

import static io.github.slidestream.qupath.FakeImage.box;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.slidestream.qupath.FakeEngine;
import io.github.slidestream.qupath.FakeImage;
import io.github.slidestream.qupath.core.OpenImage.Labelled;
import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.ModelCard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainRunTest {
    /** As slidestream writes it, lists over several lines included. */
    public static final String MODEL = """
            format = 1
            name = "he-nuclei"
            task = "instances"

            [network]
            multipliers = [
                1,
                2,
            ]

            [input]
            mpp = 0.5
            tile_px = 640
            halo_px = 112
            range = [
                -1.0,
                1.0,
            ]

            [[classes]]
            name = "Background"

            [postprocessing]
            foreground_threshold = 0.4
            seed_sigma_px = 2.0

            [weights]
            file = "weights.safetensors"
            """;

    @TempDir Path folder;
    private final FakeEngine engine = new FakeEngine();
    private final FakeImage image = new FakeImage();
    private TrainStart start;

    @BeforeEach
    void prepare() throws IOException {
        image.labelled.add(new Labelled("Region*", box(0, 0, 300, 300), 0, 0));
        image.labelled.add(new Labelled("Region*", box(400, 0, 300, 300), 0, 0));
        image.labelled.add(new Labelled("Tumour", box(50, 50, 40, 40), 0, 0));
        Path base = Files.createDirectories(folder.resolve("base"));
        Files.writeString(base.resolve("model.toml"), MODEL);
        start = new TrainStart("he-nuclei", base, base.resolve("model.toml"), false);
    }

    private TrainSettings settings(TrainSettings.Length length) {
        return new TrainSettings("mine", start, "Region*", List.of(new ObjectClass("Tumour", 0xc80000)), "Tumour", Labels.INSTANCES, length, "cpu", 1, null,
                folder.resolve("models"), folder.resolve("runs"));
    }

    @Test
    void aTrainingEndsWithThePackageInTheUsersFolder() throws Exception {
        List<List<Epochs.Row>> curves = new ArrayList<>();
        Path made = new FineTuneRun(engine, List.of(new Annotated(image)), settings(new TrainSettings.Epochs(3))).run(new FineTuneRun.Watcher() {
            @Override
            public void epochs(List<Epochs.Row> rows) {
                curves.add(rows);
            }
        }, new Cancel());
        assertEquals(folder.resolve("models").resolve("mine"), made);
        assertTrue(Files.isRegularFile(made.resolve("golden").resolve("tile.txt")));
        assertEquals(3, curves.get(curves.size() - 1).size());
        assertEquals(0.9 - 0.5 / 3, curves.get(curves.size() - 1).get(2).valDice(), 1e-9);
        try (Stream<Path> left = Files.list(folder.resolve("models"))) {
            assertEquals(List.of(made), left.toList(), "no drafts");
        }
        assertEquals(start.source().toString(), engine.trainings.get(0).from());
        String toml = Files.readString(engine.trainings.get(0).configuration());
        for (String line : List.of("name = \"mine\"", "labels = \"instances\"", "color = [200, 0, 0]", "sheet_every = 1", "split = \"split\"", "mpp = 0.5", "tile_px = 640",
                "range = [-1.0, 1.0]", "crop_px = 96", "epochs = 3", "foreground_threshold = 0.4")) {
            assertTrue(toml.contains(line + "\n"), line + " in\n" + toml);
        }
    }

    @Test
    void minutesAreMeasuredWithOneEpoch() throws Exception {
        new FineTuneRun(engine, List.of(new Annotated(image)), settings(new TrainSettings.Minutes(0.001))).run(new FineTuneRun.Watcher() {}, new Cancel());
        assertEquals(2, engine.trainings.size());
        assertTrue(Files.readString(engine.trainings.get(0).configuration()).contains("epochs = 1\n"));
    }

    @Test
    void aStoppedTrainingLeavesNoPackage() {
        Cancel cancel = new Cancel();
        assertThrows(CancelledException.class, () -> new FineTuneRun(engine, List.of(new Annotated(image)), settings(new TrainSettings.Epochs(3))).run(
                new FineTuneRun.Watcher() {
                    @Override
                    public void epochs(List<Epochs.Row> rows) {
                        cancel.cancel();
                    }
                }, cancel));
        assertFalse(Files.exists(folder.resolve("models").resolve("mine")));
    }

    @Test
    void namesThatAreTakenOrNoNamesAreRefused() throws IOException {
        Files.createDirectories(folder.resolve("models").resolve("mine"));
        String message = assertThrows(EngineException.class, () -> new FineTuneRun(engine, List.of(new Annotated(image)), settings(new TrainSettings.Epochs(1)))
                .run(new FineTuneRun.Watcher() {}, new Cancel())).getMessage();
        assertTrue(message.contains("mine") && message.contains("another name"), message);
        assertTrue(TrainSettings.nameRefusal("../x", folder).contains("letters"));
        assertTrue(engine.trainings.isEmpty());
    }

    @Test
    void aPackageTellsItsInputWhateverItsLayout() throws IOException {
        PackageFile file = PackageFile.read(start.description());
        assertEquals(640, file.number("input.tile_px"));
        assertEquals(List.of(-1.0, 1.0), file.list("input.range"));
        assertEquals("instances", file.text("task").orElseThrow());
        assertEquals("foreground_threshold = 0.4\nseed_sigma_px = 2.0\n", file.table("postprocessing"));
        String message = assertThrows(IOException.class, () -> file.number("input.depth")).getMessage();
        assertTrue(message.contains("input.depth") && message.contains("model.toml"), message);
    }

    @Test
    void aTrainingStartsFromModelsAndPreTrainings() throws IOException {
        Path run = Files.createDirectories(folder.resolve("runs").resolve("my-slides"));
        Files.createFile(run.resolve("pretrained.safetensors"));
        Files.writeString(run.resolve("config.toml"), "[input]\nmpp = 1.0\nrange = [-1.0, 1.0]\n");
        Files.createDirectories(folder.resolve("runs").resolve("unfinished"));
        ModelCard known = new ModelCard("he-nuclei", "he-nuclei", "", true, 0.5, "", start.source());
        List<TrainStart> all = TrainStart.list(List.of(known, engine.models.get(1)), folder.resolve("runs"));
        assertEquals(List.of("he-nuclei", "my-slides (pre-trained on slides)"), all.stream().map(TrainStart::label).toList());
        assertEquals(1.0, all.get(1).mpp());
        assertEquals(Optional.empty(), all.get(1).labels());
        assertEquals(Optional.of(Labels.INSTANCES), all.get(0).labels());
    }

    @Test
    void aPreTrainingTakesEachSlideWithItsPixelSize() throws Exception {
        List<PretrainRun.Slide> slides = List.of(
                new PretrainRun.Slide("a", Path.of("/slides/a \"1\".svs"), 0.25, null), new PretrainRun.Slide("b", Path.of("/slides/b.svs"), 0.5, null));
        Path out = new PretrainRun(engine, new PretrainRun.Settings("my-slides", 0.5, 2, slides, "cpu", 0, folder.resolve("runs")))
                .run(new FineTuneRun.Watcher() {}, new Cancel());
        assertEquals(folder.resolve("runs").resolve("my-slides"), out);
        String toml = Files.readString(engine.trainings.get(0).configuration());
        assertTrue(toml.contains("paths = [\"/slides/a \\\"1\\\".svs\"]\nmpp = 0.25\n"), toml);
        assertTrue(toml.contains("val_share = 0.1"), toml);
        String one = PretrainConfig.toml("x", 0.5, 1, slides.subList(0, 1));
        assertTrue(one.contains("val_share = 0.0\nselect = \"last\""), one);
    }

    @Test
    void aPreTrainingRefusesWhatItCannotRead() {
        List<PretrainRun.Slide> bad = List.of(new PretrainRun.Slide("c", null, 0, "it is not RGB"));
        assertTrue(new PretrainRun.Settings("n", 0.5, 1, bad, "cpu", 0, folder).refusal().contains("c: it is not RGB"));
        assertTrue(new PretrainRun.Settings("n", 0.5, 1, List.of(), "cpu", 0, folder).refusal().contains("Tick"));
    }

    @Test
    void epochsAreReadByTheirColumnsAndFaultsAreNamed() throws IOException {
        Path file = folder.resolve("metrics.csv");
        assertTrue(Epochs.read(file).isEmpty());
        Files.writeString(file, "step,epoch,train_loss,val_loss\n20,1,0.5,\n40,2,0.4,0.6\n");
        List<Epochs.Row> rows = Epochs.read(file);
        assertEquals(2, rows.size());
        assertTrue(Double.isNaN(rows.get(0).valLoss()) && Double.isNaN(rows.get(1).valDice()));
        assertEquals(0.6, rows.get(1).valLoss());
        Files.writeString(file, "epoch,train_loss\n1,x\n");
        assertTrue(assertThrows(IOException.class, () -> Epochs.read(file)).getMessage().contains("train_loss"));
    }

    @Test
    void reviewGoesFromTheMostDoubtfulSquareToTheLeast() {
        List<ReviewQueue.Seen> seen = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            seen.add(new ReviewQueue.Seen(10 + i, 10, 0.9));
            seen.add(new ReviewQueue.Seen(110 + i, 10, 0.55));
        }
        seen.add(new ReviewQueue.Seen(250, 10, 0.5));
        ReviewQueue queue = new ReviewQueue(seen, 100);
        assertEquals(2, queue.size(), "a square with one object says little");
        ReviewQueue.Square first = queue.next();
        assertEquals(100, first.x());
        assertEquals(0.9, first.doubt(), 1e-9);
        assertEquals(0, queue.next().x());
        assertEquals(null, queue.next());
        assertEquals(2, queue.seen());
    }
}
