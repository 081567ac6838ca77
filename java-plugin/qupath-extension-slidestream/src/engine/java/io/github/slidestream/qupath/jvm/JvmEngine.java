package io.github.slidestream.qupath.jvm;

import io.github.slidestream.Area;
import io.github.slidestream.CancelToken;
import io.github.slidestream.Devices;
import io.github.slidestream.Diagnostics;
import io.github.slidestream.FineTuning;
import io.github.slidestream.Model;
import io.github.slidestream.Models;
import io.github.slidestream.PixelSource;
import io.github.slidestream.PreTraining;
import io.github.slidestream.RunListener;
import io.github.slidestream.Segmentation;
import io.github.slidestream.Slide;
import io.github.slidestream.SlidestreamException;
import io.github.slidestream.StoppedException;
import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.EngineSetup;
import io.github.slidestream.qupath.engine.Engines;
import io.github.slidestream.qupath.engine.Listener;
import io.github.slidestream.qupath.engine.LoadedModel;
import io.github.slidestream.qupath.engine.ModelCard;
import io.github.slidestream.qupath.engine.ObjectBatch;
import io.github.slidestream.qupath.engine.Pixels;
import io.github.slidestream.qupath.engine.SegmentJob;
import io.github.slidestream.qupath.engine.TrainJob;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The engine of the JVM library: a process of its own. */
public final class JvmEngine implements Engine {
    private final io.github.slidestream.Engine engine;
    private boolean bundled;

    /** @param engine as the library starts it */
    public JvmEngine(io.github.slidestream.Engine engine) {
        this.engine = engine;
    }

    /** Named in {@code META-INF/services}. */
    public static final class Start implements Engines.Provider {
        @Override
        public Engine open(Path program) throws EngineException {
            io.github.slidestream.Engine.Builder builder = io.github.slidestream.Engine.builder();
            if (program != null) {
                builder.program(program);
            }
            return asked(() -> new JvmEngine(builder.build()));
        }

        @Override
        public EngineSetup setup() {
            return new JvmSetup();
        }
    }

    private interface Question<T> {
        T ask();
    }

    /** The library's messages name value, place and cure already. */
    private static <T> T asked(Question<T> question) throws EngineException {
        try {
            return question.ask();
        } catch (SlidestreamException error) {
            throw new EngineException(error.getMessage(), error);
        }
    }

    private static void run(Cancel cancel, Function<CancelToken, Object> job) throws EngineException, CancelledException {
        CancelToken token = new CancelToken();
        cancel.onCancel(token::cancel);
        try {
            job.apply(token);
        } catch (StoppedException stopped) {
            throw new CancelledException();
        } catch (SlidestreamException error) {
            throw new EngineException(error.getMessage(), error);
        }
    }

    /** Writes the jar's own models where the engine finds them, if it has none of their names. */
    private synchronized void unpack() throws EngineException {
        if (!bundled) {
            Set<String> known = asked(() -> Models.list(engine)).stream().map(Models.KnownModel::name).collect(Collectors.toSet());
            try {
                BundledModels.unpack(known, BundledModels.home());
            } catch (IOException error) {
                throw new EngineException("the models of the jar cannot be written to " + BundledModels.home() + ": " + error
                        + "; make room or allow writing there", error);
            }
            bundled = true;
        }
    }

    @Override
    public List<ModelCard> models(Path folder) throws EngineException {
        unpack();
        List<Models.KnownModel> known = asked(() -> Models.list(engine));
        return ModelFolders.merge(known, folder, engine.program());
    }

    @Override
    public List<Device> devices() throws EngineException {
        return asked(() -> Devices.list(engine)).stream()
                .map(one -> new Device(one.name(), one.available(), one.reason()))
                .toList();
    }

    private Model open(String model, String device, int threads) throws EngineException {
        unpack();
        return asked(() -> Model.builder(model).device(device).threads(threads).engine(engine).load());
    }

    @Override
    public LoadedModel load(String model, String device, int threads) throws EngineException {
        try (Model loaded = open(model, device, threads)) {
            return new LoadedModel(
                    loaded.name(),
                    loaded.version(),
                    loaded.findsInstances(),
                    loaded.micronsPerPixel(),
                    loaded.classes().stream()
                            .map(one -> new LoadedModel.ModelClass(one.name(), one.rgb(), one.reported()))
                            .toList(),
                    loaded.measurements(),
                    loaded.device() + ", " + loaded.precision());
        }
    }

    @Override
    public Map<String, String> fileProperties(Path file) throws EngineException {
        try (Slide slide = asked(() -> Slide.open(file, engine))) {
            Map<String, String> all = new HashMap<>(slide.properties());
            all.put("level0.width", Integer.toString(slide.width()));
            all.put("level0.height", Integer.toString(slide.height()));
            return all;
        }
    }

    @Override
    public void segment(SegmentJob job, Listener listener, Cancel cancel) throws EngineException, CancelledException {
        try (Model model = open(job.model(), job.device(), job.threads());
                Slide slide = asked(() -> job.file() != null
                        ? Slide.open(job.file(), engine)
                        : Slide.of(new Source(job.pixels(), job.mpp()), engine))) {
            Segmentation.Builder segmentation =
                    Segmentation.builder().model(model).area(area(job.area())).micronsPerPixel(job.mpp());
            job.tile().ifPresent(segmentation::tile);
            job.halo().ifPresent(segmentation::halo);
            run(cancel, token -> segmentation.build().run(slide, new Ear(listener), token));
        }
    }

    private static Area area(SegmentJob.Area area) {
        return switch (area) {
            case SegmentJob.Tissue tissue -> Area.tissue();
            case SegmentJob.Everywhere everywhere -> Area.wholeSlide();
            case SegmentJob.Outlines outlines -> Area.polygons(outlines.polygons());
        };
    }

    @Override
    public void fineTune(TrainJob job, Listener listener, Cancel cancel) throws EngineException, CancelledException {
        FineTuning.Builder training = FineTuning.builder()
                .configuration(job.configuration())
                .out(job.out())
                .device(job.device())
                .threads(job.threads())
                .engine(engine);
        if (job.from() != null) {
            training.from(job.from());
        }
        run(cancel, token -> training.build().run(new Ear(listener), token));
    }

    @Override
    public void preTrain(TrainJob job, Listener listener, Cancel cancel) throws EngineException, CancelledException {
        PreTraining training = PreTraining.builder()
                .configuration(job.configuration())
                .out(job.out())
                .device(job.device())
                .threads(job.threads())
                .engine(engine)
                .build();
        run(cancel, token -> training.run(new Ear(listener), token));
    }

    @Override
    public String describe() {
        return Diagnostics.describe();
    }

    /** Passes events on. */
    private record Ear(Listener listener) implements RunListener {
        @Override
        public void progress(io.github.slidestream.Progress now) {
            listener.progress(new Listener.Progress(now.done(), now.total(), now.perSecond(), now.secondsLeft(), now.text()));
        }

        @Override
        public void note(String text) {
            listener.note(text);
        }

        @Override
        public void objects(io.github.slidestream.ObjectBatch batch) {
            int n = batch.size();
            int each = batch.measurementCount();
            int[] classes = new int[n];
            float[] scores = new float[n];
            double[] centroids = new double[2 * n];
            double[] measurements = new double[n * each];
            for (int i = 0; i < n; i++) {
                classes[i] = batch.classOf(i);
                scores[i] = batch.score(i);
                centroids[2 * i] = batch.centroidX(i);
                centroids[2 * i + 1] = batch.centroidY(i);
                for (int m = 0; m < each; m++) {
                    measurements[i * each + m] = batch.measurement(i, m);
                }
            }
            listener.objects(new ObjectBatch(
                    batch.firstRings(), batch.firstPoints(), batch.xy(), classes, scores, centroids, measurements));
        }
    }

    /** QuPath's pixels for the library. */
    private record Source(Pixels pixels, double mpp) implements PixelSource {
        @Override
        public String name() {
            return pixels.name();
        }

        @Override
        public String identity() {
            return pixels.identity();
        }

        @Override
        public List<int[]> levels() {
            return pixels.levels();
        }

        @Override
        public OptionalDouble micronsPerPixel() {
            return OptionalDouble.of(mpp);
        }

        @Override
        public void read(int level, int x, int y, int width, int height, ByteBuffer rgb) throws IOException {
            pixels.read(level, x, y, width, height, rgb);
        }
    }
}
