package io.github.slidestream;

import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;

/** Trains a segmentation model on labelled images; docs/finetune.md describes the configuration. */
public final class FineTuning {
    private final TrainingJob job;

    private FineTuning(TrainingJob job) {
        this.job = job;
    }

    /**
     * For a training run.
     *
     * @return a builder; {@link Builder#configuration} and {@link Builder#out} are needed
     */
    public static Builder builder() {
        return new Builder();
    }

    /** What to train, where and on what. */
    public static final class Builder extends TrainingBuilder<Builder> {
        private Builder() {}

        @Override
        Builder self() {
            return this;
        }

        /**
         * Weights to start from: a checkpoint, the folder of a run, a model package or an installed model.
         *
         * @param nameOrPath a path, or the name of an installed model
         * @return this
         */
        public Builder from(String nameOrPath) {
            order.put("from", nameOrPath);
            return this;
        }

        /**
         * The run. Values are checked by the engine when it runs.
         *
         * @return the run
         * @throws OptionException without a configuration or a folder
         */
        public FineTuning build() {
            return new FineTuning(job("finetune"));
        }
    }

    /**
     * Trains and waits. Interrupting the thread stops the run with its state saved.
     *
     * @param listener is told of steps ({@link RunListener#progress}) and epochs ({@link RunListener#note})
     * @param cancel stops the run with its state saved; {@link Builder#resume()} goes on
     * @return the run's folder
     * @throws OptionException for a configuration that cannot be used
     * @throws ImageException for data that cannot be used
     * @throws StoppedException if it was stopped
     * @throws EngineException if the engine died
     * @throws SlidestreamException for all else
     */
    public Path run(RunListener listener, CancelToken cancel) {
        return job.run(listener, cancel);
    }

    /**
     * As {@link #run}, without waiting. The token stops the run; cancelling the future does not.
     *
     * @param listener is told how it goes on
     * @param cancel stops the run
     * @return the run's folder, or the exception that {@link #run} throws
     */
    public CompletableFuture<Path> runAsync(RunListener listener, CancelToken cancel) {
        return job.runAsync(listener, cancel);
    }
}
