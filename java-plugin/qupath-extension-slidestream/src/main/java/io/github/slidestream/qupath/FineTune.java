package io.github.slidestream.qupath;

import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.Engines;
import io.github.slidestream.qupath.host.QuPathImage;
import io.github.slidestream.qupath.host.QuPathProject;
import io.github.slidestream.qupath.train.Annotated;
import io.github.slidestream.qupath.train.FineTuneRun;
import io.github.slidestream.qupath.train.Folders;
import io.github.slidestream.qupath.train.Labels;
import io.github.slidestream.qupath.train.ObjectClass;
import io.github.slidestream.qupath.train.TrainSettings;
import io.github.slidestream.qupath.train.TrainStart;
import io.github.slidestream.qupath.ui.Workbench.Others;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * Fine-tuning from a script, also without a window: the dialog's workflow line is a call of this builder.
 *
 * <pre>{@code
 * io.github.slidestream.qupath.FineTune.builder()
 *     .from('he-nuclei')
 *     .classes('Tumor')
 *     .name('nuclei-lab2')
 *     .epochs(20)
 *     .build()
 *     .run()
 * }</pre>
 */
public final class FineTune {
    private final Builder told;

    private FineTune(Builder told) {
        this.told = told;
    }

    /** @return a builder; {@code from}, {@code classes}, {@code name} and {@code epochs} or {@code minutes} are needed */
    public static Builder builder() {
        return new Builder();
    }

    /** What to do. */
    public static final class Builder {
        private String from;
        private String regions = "Region*";
        private List<String> classes = List.of();
        private Labels labels = Labels.INSTANCES;
        private String object;
        private boolean project;
        private String name;
        private TrainSettings.Length length;
        private String device = Device.AUTO;
        private int threads;
        private Path models = Folders.MODELS;
        private Path runs = Folders.RUNS;

        private Builder() {}

        /**
         * @param start name of a model, or the folder of a pre-training with forward slashes
         * @return this
         */
        public Builder from(String start) {
            this.from = start;
            return this;
        }

        /**
         * @param className class of the rectangles within which everything is annotated; {@code Region*} unless set
         * @return this
         */
        public Builder regions(String className) {
            this.regions = className;
            return this;
        }

        /**
         * @param names classes of the objects
         * @return this
         */
        public Builder classes(String... names) {
            this.classes = List.of(names);
            return this;
        }

        /**
         * @param kind {@code instances} (the default) for single objects, {@code binary} for areas of one class, {@code classes}
         *     for areas with each class by itself
         * @return this
         */
        public Builder labels(String kind) {
            this.labels = Labels.of(kind);
            return this;
        }

        /**
         * @param called what the model calls its objects; the first class unless set. Not with {@code classes}
         * @return this
         */
        public Builder object(String called) {
            this.object = called;
            return this;
        }

        /**
         * @param also the regions of the project's other images, as last saved
         * @return this
         */
        public Builder project(boolean also) {
            this.project = also;
            return this;
        }

        /**
         * @param model name of the new model and its folder
         * @return this
         */
        public Builder name(String model) {
            this.name = model;
            return this;
        }

        /**
         * @param count of 20 steps each
         * @return this
         */
        public Builder epochs(int count) {
            this.length = new TrainSettings.Epochs(count);
            return this;
        }

        /**
         * @param count how long, with the first epoch for measuring
         * @return this
         */
        public Builder minutes(double count) {
            this.length = new TrainSettings.Minutes(count);
            return this;
        }

        /**
         * @param which {@code auto} (the default), {@code cpu}, {@code cuda:0}
         * @return this
         */
        public Builder device(String which) {
            this.device = which;
            return this;
        }

        /**
         * @param count 0, the default, for as many as there are cores
         * @return this
         */
        public Builder threads(int count) {
            this.threads = count;
            return this;
        }

        /**
         * @param folder for the model
         * @return this
         */
        public Builder models(String folder) {
            this.models = Path.of(folder);
            return this;
        }

        /**
         * @param folder for the run's files
         * @return this
         */
        public Builder runs(String folder) {
            this.runs = Path.of(folder);
            return this;
        }

        /**
         * @return what {@link FineTune#run()} does
         * @throws IllegalArgumentException for something that is missing or cannot be used, naming it
         */
        public FineTune build() {
            need(from != null, "from(...): name the model to start from, or the folder of a pre-training");
            need(!classes.isEmpty(), "classes(...): name the classes of the objects");
            need(name != null, "name(...): name the new model");
            need(length != null, "epochs(...) or minutes(...): say how long to train");
            need(!(length instanceof TrainSettings.Epochs epochs) || epochs.count() > 0, "epochs(...) must be 1 or more");
            need(!(length instanceof TrainSettings.Minutes minutes) || minutes.count() > 0, "minutes(...) must be above 0");
            need(threads >= 0, "threads(" + threads + "): 0 takes as many as there are cores, else 1 or more");
            need(object == null || labels != Labels.CLASSES, "object(...): with labels('classes') each class keeps its own name");
            return new FineTune(this);
        }

        private static void need(boolean met, String otherwise) {
            if (!met) {
                throw new IllegalArgumentException(otherwise);
            }
        }
    }

    /**
     * Trains on the image of the script and waits.
     *
     * @return the new model's folder
     * @throws EngineException for everything that fails, which ends the script
     */
    public Path run() throws EngineException {
        QuPathImage open = QuPathImage.ofScript();
        if (!told.project) {
            return run(List.of(new Annotated(open)), QuPathProject::color);
        }
        try (Others others = QuPathProject.ofScript(open, told.regions)) {
            if (!others.problems().isEmpty()) {
                throw new EngineException("Images that cannot be opened: " + String.join("; ", others.problems()));
            }
            List<Annotated> images = new ArrayList<>(List.of(new Annotated(open)));
            images.addAll(others.images());
            return run(images, QuPathProject::color);
        }
    }

    /**
     * Trains and waits.
     *
     * @param images with the annotations
     * @param colors of the classes, as 0xRRGGBB
     * @return the new model's folder
     * @throws EngineException for everything that fails
     */
    public Path run(List<Annotated> images, ToIntFunction<String> colors) throws EngineException {
        Engine engine = Engines.get();
        TrainSettings settings = settings(start(engine), colors);
        try {
            return new FineTuneRun(engine, images, settings).run(new TrainingLog(FineTune.class), new Cancel());
        } catch (CancelledException error) {
            throw new EngineException("stopped", error);
        }
    }

    TrainSettings settings(TrainStart start, ToIntFunction<String> colors) {
        List<ObjectClass> classes =
                told.classes.stream().map(one -> new ObjectClass(one, colors.applyAsInt(one))).toList();
        return new TrainSettings(told.name, start, told.regions, classes, told.object == null ? told.classes.get(0) : told.object,
                told.labels, told.length, told.device, told.threads, null, told.models, told.runs);
    }

    private TrainStart start(Engine engine) throws EngineException {
        try {
            List<TrainStart> all = TrainStart.list(engine.models(told.models), told.runs);
            for (TrainStart one : all) {
                if (one.label().equals(told.from) || one.source().equals(Path.of(told.from))) {
                    return one;
                }
            }
            throw new EngineException("from('" + told.from + "'): there is no such model or pre-training. There are "
                    + String.join(", ", all.stream().map(TrainStart::label).toList()));
        } catch (IOException error) {
            throw new EngineException(error.toString(), error);
        }
    }
}
