package io.github.slidestream.qupath;

import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.Engines;
import io.github.slidestream.qupath.host.QuPathProject;
import io.github.slidestream.qupath.train.Folders;
import io.github.slidestream.qupath.train.PretrainRun;
import java.nio.file.Path;
import java.util.List;

/**
 * Pre-training from a script, also without a window: the dialog's workflow line is a call of this builder.
 *
 * <pre>{@code
 * io.github.slidestream.qupath.Pretrain.builder()
 *     .images('a.svs', 'b.svs')
 *     .name('my-slides')
 *     .build()
 *     .run()
 * }</pre>
 */
public final class Pretrain {
    private final Builder told;

    private Pretrain(Builder told) {
        this.told = told;
    }

    /** @return a builder; {@code name} is needed */
    public static Builder builder() {
        return new Builder();
    }

    /** What to do; all but the name have defaults. */
    public static final class Builder {
        private List<String> images = List.of();
        private String name;
        private double mpp = 0.5;
        private int epochs = 20;
        private String device = Device.AUTO;
        private int threads;
        private Path runs = Folders.RUNS;

        private Builder() {}

        /**
         * @param names of images of the project; all that can be used unless set
         * @return this
         */
        public Builder images(String... names) {
            this.images = List.of(names);
            return this;
        }

        /**
         * @param run name of the run and its folder
         * @return this
         */
        public Builder name(String run) {
            this.name = run;
            return this;
        }

        /**
         * @param micrometres per pixel; 0.5 unless set
         * @return this
         */
        public Builder mpp(double micrometres) {
            this.mpp = micrometres;
            return this;
        }

        /**
         * @param count of 100 steps each; 20 unless set
         * @return this
         */
        public Builder epochs(int count) {
            this.epochs = count;
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
         * @param folder for the run's files
         * @return this
         */
        public Builder runs(String folder) {
            this.runs = Path.of(folder);
            return this;
        }

        /**
         * @return what {@link Pretrain#run()} does
         * @throws IllegalArgumentException if there is no name
         */
        public Pretrain build() {
            if (name == null) {
                throw new IllegalArgumentException("name(...): name the run");
            }
            return new Pretrain(this);
        }
    }

    /**
     * Trains on the slides of the script's project and waits.
     *
     * @return the run's folder
     * @throws EngineException for everything that fails, which ends the script
     */
    public Path run() throws EngineException {
        Engine engine = Engines.get();
        return run(QuPathProject.slidesOfScript(engine::fileProperties));
    }

    /**
     * Trains and waits.
     *
     * @param slides of a project
     * @return the run's folder
     * @throws EngineException for everything that fails
     */
    public Path run(List<PretrainRun.Slide> slides) throws EngineException {
        try {
            return new PretrainRun(Engines.get(), settings(slides)).run(new TrainingLog(Pretrain.class), new Cancel());
        } catch (CancelledException error) {
            throw new EngineException("stopped", error);
        }
    }

    PretrainRun.Settings settings(List<PretrainRun.Slide> slides) throws EngineException {
        for (String image : told.images) {
            if (slides.stream().noneMatch(slide -> slide.name().equals(image))) {
                throw new EngineException("images(...): the project has no image '" + image + "'");
            }
        }
        List<PretrainRun.Slide> chosen = slides.stream()
                .filter(slide -> told.images.isEmpty() ? slide.refusal() == null : told.images.contains(slide.name()))
                .toList();
        return new PretrainRun.Settings(told.name, told.mpp, told.epochs, chosen, told.device, told.threads, told.runs);
    }
}
