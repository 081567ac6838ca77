package io.github.slidestream.qupath.train;

import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.Listener;
import io.github.slidestream.qupath.engine.TrainJob;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Writes the training set, trains, and puts the package into the user's folder. */
public final class FineTuneRun {
    private final Engine engine;
    private final List<Annotated> images;
    private final TrainSettings settings;

    /**
     * @param engine trains
     * @param images with the annotations
     * @param settings what to do
     */
    public FineTuneRun(Engine engine, List<Annotated> images, TrainSettings settings) {
        this.engine = engine;
        this.images = List.copyOf(images);
        this.settings = settings;
    }

    /** Is told how a training goes on, on its thread. */
    public interface Watcher {
        /** @param text what is being done */
        default void phase(String text) {}

        /** @param progress in steps */
        default void progress(Listener.Progress progress) {}

        /** @param text one line */
        default void note(String text) {}

        /** @param rows all epochs so far */
        default void epochs(List<Epochs.Row> rows) {}

        /** @param picture a PNG to look at */
        default void picture(Path picture) {}
    }

    /**
     * Runs.
     *
     * @param watcher is told how it goes on
     * @param cancel stops it; the run's folder stays
     * @return the package's folder
     * @throws EngineException for everything that fails
     * @throws CancelledException if it was stopped
     */
    public Path run(Watcher watcher, Cancel cancel) throws EngineException, CancelledException {
        try {
            return train(watcher, cancel);
        } catch (IOException error) {
            throw new EngineException(said(error), error);
        }
    }

    private Path train(Watcher watcher, Cancel cancel) throws IOException, EngineException, CancelledException {
        String refusal = TrainSettings.nameRefusal(settings.name(), settings.models());
        TrainingSet set = new TrainingSet(images, settings.channels(), settings.regionClass(), settings.classNames(),
                settings.labels(), settings.from().mpp());
        refusal = refusal == null ? set.survey().refusal() : refusal;
        if (refusal != null) {
            throw new EngineException(refusal);
        }
        String stamp = LocalDateTime.now().format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"));
        Path run = Files.createDirectories(settings.runs().resolve(settings.name() + "-" + stamp));
        watcher.phase("Cutting the training images");
        Path data = run.resolve("data");
        TrainingSet.Written written = set.write(data, (done, total) ->
                watcher.progress(new Listener.Progress(done, total, 0, Double.NaN, "")));
        cancel.check();
        int epochs = epochs(run, data, written, watcher, cancel);
        Path configuration = run.resolve("finetune.toml");
        Files.writeString(configuration, FineTuneConfig.toml(settings, data, written, epochs));
        watcher.phase("Training for " + epochs + (epochs == 1 ? " epoch" : " epochs"));
        Path out = run.resolve("out");
        engine.fineTune(job(configuration, out), new Reader(out, watcher), cancel);
        cancel.check();
        watcher.epochs(Epochs.read(out.resolve("metrics.csv")));
        show(out.resolve("sheet.png"), watcher);
        return install(out.resolve(settings.name()));
    }

    /** Epochs, or as many as fit into the minutes after one epoch for measuring. */
    private int epochs(Path run, Path data, TrainingSet.Written written, Watcher watcher, Cancel cancel)
            throws IOException, EngineException, CancelledException {
        if (settings.length() instanceof TrainSettings.Epochs fixed) {
            return fixed.count();
        }
        double minutes = ((TrainSettings.Minutes) settings.length()).count();
        watcher.phase("Measuring the speed with one epoch");
        Path configuration = run.resolve("measure.toml");
        Files.writeString(configuration, FineTuneConfig.toml(settings, data, written, 1));
        long started = System.nanoTime();
        Path out = run.resolve("measure");
        engine.fineTune(job(configuration, out), new Reader(out, watcher), cancel);
        double seconds = (System.nanoTime() - started) / 1e9;
        int fit = (int) Math.floor((60 * minutes - seconds) / seconds);
        watcher.note(String.format(java.util.Locale.ROOT, "One epoch takes %.1f s, start and scoring included.", seconds));
        return Math.max(1, Math.min(1000, fit));
    }

    private TrainJob job(Path configuration, Path out) {
        return new TrainJob(configuration, out, settings.from().source().toString(), settings.device(), settings.threads());
    }

    /** Copies the package beside its place and renames it: it is there whole or not at all. */
    private Path install(Path made) throws IOException, EngineException {
        if (!Files.isRegularFile(made.resolve("model.toml"))) {
            throw new EngineException("The training ended without a package in " + made + "; see the log");
        }
        Files.createDirectories(settings.models());
        Path draft = Files.createTempDirectory(settings.models(), ".draft-");
        try (Stream<Path> files = Files.walk(made)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Path to = draft.resolve(made.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(to);
                } else {
                    Files.copy(file, to);
                }
            }
        }
        Path place = settings.models().resolve(settings.name());
        return Files.move(draft, place, StandardCopyOption.ATOMIC_MOVE);
    }

    private static void show(Path picture, Watcher watcher) {
        if (Files.isRegularFile(picture)) {
            watcher.picture(picture);
        }
    }

    static String said(IOException error) {
        return error.getMessage() == null ? error.toString() : error.getClass().getSimpleName() + ": " + error.getMessage();
    }

    /** Passes progress on, and looks at the run's files when an epoch may have ended. */
    static final class Reader implements Listener {
        private final Path out;
        private final Watcher watcher;
        private int known;
        private String shown = "";

        Reader(Path out, Watcher watcher) {
            this.out = out;
            this.watcher = watcher;
        }

        @Override
        public void progress(Progress progress) {
            watcher.progress(progress);
            look();
        }

        @Override
        public void note(String text) {
            watcher.note(text);
            look();
        }

        private void look() {
            try {
                Path newest = newest();
                if (newest != null && newest.getFileName().toString().compareTo(shown) > 0) {
                    shown = newest.getFileName().toString();
                    watcher.picture(newest);
                }
                List<Epochs.Row> rows = Epochs.read(out.resolve("metrics.csv"));
                if (rows.size() != known) {
                    known = rows.size();
                    watcher.epochs(rows);
                }
            } catch (IOException error) {
                watcher.note(said(error));
            }
        }

        /** {@code crops.png}, then {@code sheet-0001.png} and so on: in the order of their names. */
        private Path newest() throws IOException {
            if (!Files.isDirectory(out)) {
                return null;
            }
            try (Stream<Path> files = Files.list(out)) {
                return files.filter(file -> file.getFileName().toString().matches("crops\\.png|sheet-\\d+\\.png"))
                        .max(Comparator.comparing(file -> file.getFileName().toString()))
                        .orElse(null);
            }
        }
    }
}
