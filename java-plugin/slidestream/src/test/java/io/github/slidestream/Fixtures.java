package io.github.slidestream;

import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import javax.imageio.ImageIO;

/** What the tests share: a picture like a stained section, and the model that ships. */
final class Fixtures {
    private Fixtures() {}

    static String nuclei() {
        return Path.of(System.getProperty("slidestream.models"), "he-nuclei").toAbsolutePath().normalize().toString();
    }

    static Model model(Engine engine) {
        return Model.builder(nuclei()).device("cpu").precision("f32").threads(1).engine(engine).load();
    }

    /** Dark discs on pink. */
    static BufferedImage tissue(int width, int height) {
        // Not with Graphics2D: the JVM's JNI checker makes each of its calls copy the whole image.
        int[] pixels = new int[width * height];
        Arrays.fill(pixels, 0xe4b0d0);
        Random random = new Random(7);
        for (int i = 0; i < width * height / 2500; i++) {
            int color = 80 + random.nextInt(30) << 16 | 45 + random.nextInt(25) << 8 | 130 + random.nextInt(30);
            int radius = 7 + random.nextInt(5);
            int left = random.nextInt(width - 2 * radius);
            int top = random.nextInt(height - 2 * radius);
            for (int y = 0; y < 2 * radius; y++) {
                for (int x = 0; x < 2 * radius; x++) {
                    if (Math.hypot(x - radius + 0.5, y - radius + 0.5) <= radius) {
                        pixels[(top + y) * width + left + x] = color;
                    }
                }
            }
        }
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        image.setRGB(0, 0, width, height, pixels, 0, width);
        return image;
    }

    static Path write(BufferedImage image, Path file) {
        try {
            ImageIO.write(image, "png", file.toFile());
            return file;
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Hands over an image that is in memory. */
    record InMemory(BufferedImage image) implements PixelSource {
        @Override
        public String name() {
            return "image in memory";
        }

        @Override
        public List<int[]> levels() {
            return List.of(new int[] {image.getWidth(), image.getHeight()});
        }

        @Override
        public OptionalDouble micronsPerPixel() {
            return OptionalDouble.of(0.5);
        }

        @Override
        public void read(int level, int x, int y, int width, int height, ByteBuffer rgb) throws IOException {
            PixelSource.putRgb(image.getRGB(x, y, width, height, null, 0, width), rgb);
        }
    }

    static Segmentation.Builder everywhere(Model model) {
        return Segmentation.builder().model(model).area(Area.wholeSlide()).micronsPerPixel(0.5).readers(2);
    }

    /** Every ring of every object. */
    static List<double[]> rings(List<ObjectBatch> batches) {
        List<double[]> rings = new ArrayList<>();
        for (ObjectBatch batch : batches) {
            for (int object = 0; object < batch.size(); object++) {
                for (int ring = 0; ring < batch.ringCount(object); ring++) {
                    rings.add(batch.ring(object, ring));
                }
            }
        }
        return rings;
    }

    static boolean same(List<double[]> a, List<double[]> b) {
        if (a.size() != b.size()) {
            return false;
        }
        for (int i = 0; i < a.size(); i++) {
            if (!Arrays.equals(a.get(i), b.get(i))) {
                return false;
            }
        }
        return true;
    }

    /** Runs a program and gives all that it printed; fails if it does not end with this status. */
    static String run(int status, List<String> command) throws Exception {
        File output = File.createTempFile("slidestream-test-", ".log");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output)
                .start();
        if (!process.waitFor(180, java.util.concurrent.TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("does not end: " + command);
        }
        String text = java.nio.file.Files.readString(output.toPath());
        output.delete();
        if (process.exitValue() != status) {
            throw new AssertionError(command + " ended with " + process.exitValue() + ":\n" + text);
        }
        return text;
    }

    static void until(String what, java.util.function.BooleanSupplier holds) throws InterruptedException {
        for (int i = 0; i < 3000; i++) {
            if (holds.getAsBoolean()) {
                return;
            }
            Thread.sleep(10);
        }
        throw new AssertionError("not within half a minute: " + what);
    }
}
