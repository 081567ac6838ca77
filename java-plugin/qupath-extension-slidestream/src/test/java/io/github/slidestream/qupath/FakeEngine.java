package io.github.slidestream.qupath;

import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.Listener;
import io.github.slidestream.qupath.engine.LoadedModel;
import io.github.slidestream.qupath.engine.ModelCard;
import io.github.slidestream.qupath.engine.ObjectBatch;
import io.github.slidestream.qupath.engine.SegmentJob;
import io.github.slidestream.qupath.engine.TrainJob;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.imageio.ImageIO;

/** An engine that finds a 10 px square with a hole in each cell of a grid, and tells what it was asked. */
public class FakeEngine implements Engine {
    public static final String CARD = """
            # he-nuclei 0.2.0

            Nuclei in H&E and in hematoxylin alone, 0.5 µm per pixel. Expect false nuclei in keratin and dense collagen, and
            look before you rely on a count.

            | | |
            |---|---|
            | Finds | `Nucleus`: single objects |
            | Resolution | 0.5 micrometres per pixel |

            ## How good it is

            | split | images | Dice | PQ |
            |---|---|---|---|
            | val | 9 | 0.854 | 0.654 |
            | test | 10 | 0.871 | 0.622 |

            - data: DSB2018, CC0-1.0
            - seed: 7
            """;

    public final List<SegmentJob> jobs = new ArrayList<>();
    public final List<TrainJob> trainings = new ArrayList<>();
    public final List<ModelCard> models = new ArrayList<>();
    public final List<Device> devices = new ArrayList<>(List.of(
            new Device("cpu", true, "bf16, since the CPU has AMX"),
            new Device("cuda", false, "no CUDA driver was found; install NVIDIA's driver 580 or newer")));
    public Map<String, String> properties = Map.of("level0.width", "1000", "level0.height", "800");
    public boolean instances = true;
    public EngineException failure;
    /** Holds a segmentation after its first batch until it is opened. */
    public CountDownLatch gate = new CountDownLatch(0);
    public volatile boolean reached;

    public FakeEngine() {
        models.add(new ModelCard("he-nuclei", "he-nuclei", "Nuclei in H&E and in hematoxylin alone, 0.5 µm per pixel", true, 0.5, CARD, null));
        models.add(new ModelCard("torn", "torn", "weights.safetensors is missing", false, 0, "", null));
    }

    @Override
    public List<ModelCard> models(Path folder) {
        return models;
    }

    @Override
    public List<Device> devices() {
        return devices;
    }

    @Override
    public LoadedModel load(String model, String device, int threads) throws EngineException {
        if (failure != null) {
            throw failure;
        }
        return model(instances);
    }

    public static LoadedModel model(boolean instances) {
        return new LoadedModel("he-nuclei", "0.2.0", instances, 0.5,
                List.of(new LoadedModel.ModelClass("Background", 0, false), new LoadedModel.ModelClass("Nucleus", 0xffd100, true)),
                List.of("Area µm^2"), "cpu, bf16");
    }

    @Override
    public Map<String, String> fileProperties(Path file) {
        return properties;
    }

    @Override
    public void segment(SegmentJob job, Listener listener, Cancel cancel) throws EngineException, CancelledException {
        jobs.add(job);
        if (job.pixels() != null) {
            readSome(job);
        }
        double[] box = box(job.area());
        int total = 4;
        for (int tile = 0; tile < total; tile++) {
            listener.objects(row(box, tile, total));
            listener.progress(new Listener.Progress(tile + 1, total, 31.4, total - tile - 1.0, ""));
            if (tile == 0) {
                reached = true;
                hold(cancel);
            }
            cancel.check();
        }
    }

    private void hold(Cancel cancel) throws EngineException {
        try {
            while (!cancel.isCancelled() && !gate.await(10, TimeUnit.MILLISECONDS)) {
                continue;
            }
        } catch (InterruptedException error) {
            throw new EngineException("interrupted", error);
        }
    }

    private static void readSome(SegmentJob job) throws EngineException {
        try {
            int[] size = job.pixels().levels().get(0);
            int side = Math.min(16, Math.min(size[0], size[1]));
            job.pixels().read(0, size[0] - side, size[1] - side, side, side, ByteBuffer.allocateDirect(3 * side * side));
        } catch (IOException error) {
            throw new EngineException("cannot read: " + error.getMessage(), error);
        }
    }

    private static double[] box(SegmentJob.Area area) {
        if (!(area instanceof SegmentJob.Outlines outlines)) {
            return new double[] {0, 0, 1000, 800};
        }
        double[] box = {Double.MAX_VALUE, Double.MAX_VALUE, -Double.MAX_VALUE, -Double.MAX_VALUE};
        for (List<double[]> polygon : outlines.polygons()) {
            for (int i = 0; i < polygon.get(0).length; i += 2) {
                box[0] = Math.min(box[0], polygon.get(0)[i]);
                box[1] = Math.min(box[1], polygon.get(0)[i + 1]);
                box[2] = Math.max(box[2], polygon.get(0)[i]);
                box[3] = Math.max(box[3], polygon.get(0)[i + 1]);
            }
        }
        return box;
    }

    /** Squares of 10 px with a hole of 2 px, 20 px apart, in one band of the box. */
    public static ObjectBatch row(double[] box, int band, int bands) {
        List<double[]> squares = new ArrayList<>();
        double top = box[1] + (box[3] - box[1]) * band / bands;
        double bottom = box[1] + (box[3] - box[1]) * (band + 1) / bands;
        for (double y = top; y + 10 <= bottom; y += 20) {
            for (double x = box[0]; x + 10 <= box[2]; x += 20) {
                squares.add(new double[] {x, y});
            }
        }
        return squares(squares);
    }

    public static ObjectBatch squares(List<double[]> corners) {
        int n = corners.size();
        int[] firstRings = new int[n + 1];
        int[] firstPoints = new int[2 * n + 1];
        double[] xy = new double[16 * n];
        int[] classes = new int[n];
        float[] scores = new float[n];
        double[] centroids = new double[2 * n];
        double[] measurements = new double[n];
        for (int i = 0; i < n; i++) {
            double x = corners.get(i)[0];
            double y = corners.get(i)[1];
            double[] points = {x, y, x + 10, y, x + 10, y + 10, x, y + 10, x + 4, y + 4, x + 4, y + 6, x + 6, y + 6, x + 6, y + 4};
            System.arraycopy(points, 0, xy, 16 * i, 16);
            firstRings[i + 1] = 2 * (i + 1);
            firstPoints[2 * i + 1] = 8 * i + 4;
            firstPoints[2 * i + 2] = 8 * i + 8;
            classes[i] = 1;
            scores[i] = 0.75f;
            centroids[2 * i] = x + 5;
            centroids[2 * i + 1] = y + 5;
            measurements[i] = 24;
        }
        return new ObjectBatch(firstRings, firstPoints, xy, classes, scores, centroids, measurements);
    }

    @Override
    public void fineTune(TrainJob job, Listener listener, Cancel cancel) throws EngineException, CancelledException {
        trainings.add(job);
        train(job, listener, cancel, true);
    }

    @Override
    public void preTrain(TrainJob job, Listener listener, Cancel cancel) throws EngineException, CancelledException {
        trainings.add(job);
        train(job, listener, cancel, false);
    }

    private void train(TrainJob job, Listener listener, Cancel cancel, boolean packs) throws EngineException, CancelledException {
        try {
            String toml = Files.readString(job.configuration());
            Files.createDirectories(job.out());
            int epochs = Integer.parseInt(toml.replaceAll("(?s).*\\nepochs = (\\d+)\\n.*", "$1"));
            int every = toml.contains("\nsheet_every = ")
                    ? Integer.parseInt(toml.replaceAll("(?s).*\\nsheet_every = (\\d+)\\n.*", "$1"))
                    : epochs;
            StringBuilder rows = new StringBuilder("epoch,step,train_loss,val_loss,val_dice\n");
            for (int epoch = 1; epoch <= epochs; epoch++) {
                rows.append(epoch).append(',').append(20 * epoch).append(',').append(1.2 / epoch + 0.3).append(',')
                        .append(1.4 / epoch + 0.35).append(',').append(0.9 - 0.5 / epoch).append('\n');
                Files.writeString(job.out().resolve("metrics.csv"), rows);
                listener.progress(new Listener.Progress(20L * epoch, 20L * epochs, 3.5, (epochs - epoch) * 6.0, "loss " + 1.2 / epoch));
                if (epoch % every == 0) {
                    ImageIO.write(sheet(), "png", job.out().resolve(String.format("sheet-%04d.png", epoch)).toFile());
                    listener.note("epoch " + epoch);
                }
                if (epoch == 1) {
                    reached = true;
                    hold(cancel);
                }
                cancel.check();
            }
            ImageIO.write(sheet(), "png", job.out().resolve("sheet.png").toFile());
            if (packs) {
                String name = toml.replaceAll("(?s).*\\[model]\\nname = \"([^\"]*)\"\\n.*", "$1");
                Path made = Files.createDirectories(job.out().resolve(name).resolve("golden"));
                Files.writeString(made.getParent().resolve("model.toml"), "format = 1\n");
                Files.writeString(made.resolve("tile.txt"), "golden");
            }
        } catch (IOException error) {
            throw new EngineException("cannot write " + job.out() + ": " + error, error);
        }
    }

    /** Three times the same discs: bare, outlined in green, outlined in yellow. */
    private static BufferedImage sheet() {
        BufferedImage sheet = new BufferedImage(690, 160, BufferedImage.TYPE_INT_RGB);
        Graphics2D pen = sheet.createGraphics();
        pen.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        pen.setStroke(new BasicStroke(2));
        for (int panel = 0; panel < 3; panel++) {
            pen.setColor(new Color(0xf0d8e4));
            pen.fillRect(230 * panel, 0, 226, 160);
            for (int i = 0; i < 12; i++) {
                int x = 230 * panel + 20 + i % 4 * 52 + i * 7 % 11;
                int y = 16 + i / 4 * 46 + i * 5 % 9;
                pen.setColor(new Color(0x6a3f8f));
                pen.fillOval(x, y, 26, 22);
                pen.setColor(panel == 1 ? new Color(0x2e8b57) : new Color(0xffd100));
                if (panel > 0) {
                    pen.drawOval(x - panel, y, 26 + panel, 22);
                }
            }
        }
        pen.dispose();
        return sheet;
    }

    @Override
    public String describe() {
        return "engine: fake\ndevices: cpu";
    }
}
