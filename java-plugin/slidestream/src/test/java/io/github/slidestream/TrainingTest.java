package io.github.slidestream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training on toy images, through the engine. */
class TrainingTest {
    private static final String NETWORK = """
            [network]
            dim = 8
            multipliers = [1, 2]
            normalisation = "batch"
            attention = false
            time_embedding = %s
            full_resolution_skip = true
            """;

    @TempDir
    Path folder;

    /** Eight images of four patients, with two discs each. */
    @BeforeEach
    void images() throws Exception {
        Files.createDirectories(folder.resolve("data/image"));
        Files.createDirectories(folder.resolve("data/label"));
        StringBuilder index = new StringBuilder("file,patient\n");
        for (int i = 0; i < 8; i++) {
            BufferedImage image = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
            BufferedImage label = new BufferedImage(64, 64, BufferedImage.TYPE_USHORT_GRAY);
            Graphics2D pen = image.createGraphics();
            pen.setColor(new Color(235, 215, 228));
            pen.fillRect(0, 0, 64, 64);
            pen.dispose();
            for (int y = 0; y < 64; y++) {
                for (int x = 0; x < 64; x++) {
                    int disc = Math.hypot(x - 18 - i, y - 18) <= 7 ? 1 : Math.hypot(x - 44, y - 40) <= 8 ? 2 : 0;
                    if (disc > 0) {
                        image.setRGB(x, y, 0x5f2d8c);
                        label.getRaster().setSample(x, y, 0, disc);
                    }
                }
            }
            Fixtures.write(image, folder.resolve("data/image/" + i + ".png"));
            Fixtures.write(label, folder.resolve("data/label/" + i + ".png"));
            index.append(i).append(".png,P").append(i / 2).append('\n');
        }
        Files.writeString(folder.resolve("data/index.csv"), index);
    }

    private static final class Watcher implements RunListener {
        private final List<String> notes = new ArrayList<>();
        private final List<Progress> steps = new ArrayList<>();

        @Override
        public void note(String text) {
            notes.add(text);
        }

        @Override
        public void progress(Progress now) {
            steps.add(now);
        }
    }

    @Test
    void aModelIsTrainedAndLoaded() throws Exception {
        Path config = folder.resolve("toy.toml");
        Files.writeString(config, """
                seed = 5
                [model]
                name = "toy"
                version = "0.1.0"
                title = "Discs"
                license = "CC0-1.0"
                object = "Disc"
                [data]
                root = "data"
                masks = "label"
                labels = "instances"
                index = "index.csv"
                group = "patient"
                val_share = 0.25
                test_share = 0.25
                [input]
                mpp = 0.5
                tile_px = 64
                halo_px = 16
                range = [-1.0, 1.0]
                [training]
                epochs = 9
                steps_per_epoch = 5
                batch = 4
                crop_px = 48
                """ + NETWORK.formatted("false"));
        Watcher watcher = new Watcher();
        FineTuning.Builder run = FineTuning.builder().configuration(config).device("cpu").threads(1);
        Path out = run.out(folder.resolve("run")).epochs(2).seed(3).build().run(watcher, new CancelToken());
        assertEquals(folder.resolve("run"), out);
        assertEquals(10, watcher.steps.get(watcher.steps.size() - 1).total());
        assertTrue(watcher.notes.stream().anyMatch(note -> note.contains("epoch 2/2")), watcher.notes.toString());
        try (Model model = Model.builder(out.resolve("toy").toString()).device("cpu").load()) {
            assertEquals("Disc", model.classes().get(1).name());
        }
        CancelToken token = new CancelToken();
        FineTuning stopped = run.out(folder.resolve("stopped")).epochs(500).build();
        RunListener stop = new RunListener() {
            @Override
            public void progress(Progress now) {
                token.cancel();
            }
        };
        assertThrows(StoppedException.class, () -> stopped.run(stop, token));
        Files.writeString(config, Files.readString(config).replace("halo_px", "halo"));
        ImageException odd = assertThrows(ImageException.class, () -> run.build().run(RunListener.NONE, new CancelToken()));
        assertTrue(odd.getMessage().contains("halo"), odd.getMessage());
        assertThrows(OptionException.class, () -> FineTuning.builder().configuration(config).build());
    }

    @Test
    void aNetworkIsPreTrained() throws Exception {
        Path config = folder.resolve("pre.toml");
        Files.writeString(config, """
                seed = 5
                name = "toy"
                [input]
                mpp = 1.0
                [pretext]
                kind = "diffusion"
                steps = 100
                schedule = { kind = "cosine", offset = 0.008 }
                [training]
                epochs = 1
                steps_per_epoch = 3
                batch = 2
                crop_px = 16
                val_share = 0.25
                val_crops = 2
                val_levels = 1
                [network]
                dim = 8
                multipliers = [1, 2]
                [[source]]
                kind = "folder"
                path = "elsewhere"
                """);
        Watcher watcher = new Watcher();
        Path out = PreTraining.builder().configuration(config).data(folder.resolve("data/image")).out(folder.resolve("pre"))
                .device("cpu").threads(1).build().run(watcher, new CancelToken());
        assertTrue(Files.exists(out.resolve("pretrained.safetensors")));
        assertTrue(watcher.notes.stream().anyMatch(note -> note.contains("epoch 1/1")), watcher.notes.toString());
    }
}
