package io.github.slidestream.qupath.train;

import io.github.slidestream.qupath.core.SegmentSettings;
import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.TrainJob;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Pre-trains a network on slides that nobody has annotated. */
public final class PretrainRun {
    private final Engine engine;
    private final Settings settings;

    /**
     * @param engine trains
     * @param settings what to do
     */
    public PretrainRun(Engine engine, Settings settings) {
        this.engine = engine;
        this.settings = settings;
    }

    /**
     * A slide to learn from.
     *
     * @param name in the project
     * @param file that the engine reads; null if it cannot
     * @param microns per pixel, as QuPath says
     * @param refusal why it cannot be used; null if it can
     */
    public record Slide(String name, Path file, double microns, String refusal) {}

    /**
     * What to do.
     *
     * @param name of the run and its folder
     * @param mpp of the network, micrometres per pixel
     * @param epochs of 100 steps each
     * @param slides to learn from
     * @param device as the engine names it, or {@code auto}
     * @param threads 0 for one a core
     * @param runs folder for the run's folder
     */
    public record Settings(String name, double mpp, int epochs, List<Slide> slides, String device, int threads, Path runs) {
        /** @return why it cannot start, with the cure; null if it can */
        public String refusal() {
            if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")) {
                return "Name the run with letters, digits, dots, dashes and underscores, such as my-slides.";
            }
            if (Files.exists(runs.resolve(name))) {
                return "There is a run " + name + " in " + runs + ". Choose another name.";
            }
            if (slides.isEmpty()) {
                return "Tick at least one slide that can be read.";
            }
            for (Slide slide : slides) {
                if (slide.refusal() != null) {
                    return slide.name() + ": " + slide.refusal();
                }
            }
            return mpp > 0 && epochs > 0 ? null : "Resolution and epochs must be above 0.";
        }

        /** @return Groovy that does it again; it ends with an error while there is a run of that name */
        public String script() {
            StringBuilder line = new StringBuilder("io.github.slidestream.qupath.Pretrain.builder()");
            String names = String.join(", ", slides.stream().map(slide -> SegmentSettings.quote(slide.name())).toList());
            line.append("\n    .images(").append(names).append(')');
            line.append("\n    .name(").append(SegmentSettings.quote(name)).append(')');
            line.append("\n    .mpp(").append(mpp).append(')');
            line.append("\n    .epochs(").append(epochs).append(')');
            if (!device.equals(Device.AUTO)) {
                line.append("\n    .device(").append(SegmentSettings.quote(device)).append(')');
            }
            if (threads > 0) {
                line.append("\n    .threads(").append(threads).append(')');
            }
            if (!runs.equals(Folders.RUNS)) {
                line.append("\n    .runs(").append(SegmentSettings.quote(Toml.slashes(runs))).append(')');
            }
            return line.append("\n    .build()\n    .run()").toString();
        }
    }

    /**
     * Runs.
     *
     * @param watcher is told how it goes on
     * @param cancel stops it; the run's folder stays
     * @return the run's folder, which a fine-tuning can start from
     * @throws EngineException for everything that fails
     * @throws CancelledException if it was stopped
     */
    public Path run(FineTuneRun.Watcher watcher, Cancel cancel) throws EngineException, CancelledException {
        String refusal = settings.refusal();
        if (refusal != null) {
            throw new EngineException(refusal);
        }
        try {
            Path out = Files.createDirectories(settings.runs()).resolve(settings.name());
            Path configuration = settings.runs().resolve(settings.name() + ".toml");
            Files.writeString(configuration,
                    PretrainConfig.toml(settings.name(), settings.mpp(), settings.epochs(), settings.slides()));
            watcher.phase("Pre-training for " + settings.epochs() + (settings.epochs() == 1 ? " epoch" : " epochs") + " of 100 steps");
            engine.preTrain(new TrainJob(configuration, out, null, settings.device(), settings.threads()),
                    new FineTuneRun.Reader(out, watcher), cancel);
            cancel.check();
            watcher.epochs(Epochs.read(out.resolve("metrics.csv")));
            newest(out, watcher);
            return out;
        } catch (IOException error) {
            throw new EngineException(FineTuneRun.said(error), error);
        }
    }

    private static void newest(Path out, FineTuneRun.Watcher watcher) throws IOException {
        try (Stream<Path> files = Files.list(out)) {
            files.filter(file -> file.getFileName().toString().matches("sheet(-\\d+)?\\.png"))
                    .max(java.util.Comparator.comparingLong(file -> file.toFile().lastModified()))
                    .ifPresent(watcher::picture);
        }
    }
}
