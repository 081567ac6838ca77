package io.github.slidestream;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** Pre-trains a network on images without labels; docs/pretrain.md describes the configuration. */
public final class PreTraining {
    private final Engine engine;
    private final Map<String, Object> order;

    private PreTraining(Engine engine, Map<String, Object> order) {
        this.engine = engine;
        this.order = order;
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
    public static final class Builder {
        private final Map<String, Object> order = new LinkedHashMap<>();
        private Engine engine;

        private Builder() {}

        /**
         * The run's TOML file.
         *
         * @param file the file; paths in it are relative to it
         * @return this
         */
        public Builder configuration(Path file) {
            order.put("config", file.toAbsolutePath().toString());
            return this;
        }

        /**
         * Folder that everything is written to.
         *
         * @param folder the folder; created if needed
         * @return this
         */
        public Builder out(Path folder) {
            order.put("out", folder.toAbsolutePath().toString());
            return this;
        }

        /**
         * Goes on from the folder's last checkpoint.
         *
         * @return this
         */
        public Builder resume() {
            order.put("resume", true);
            return this;
        }

        /**
         * Which device.
         *
         * @param device {@code auto}, the default, {@code cpu} or {@code cuda[:N]}
         * @return this
         */
        public Builder device(String device) {
            order.put("device", device);
            return this;
        }

        /**
         * Threads of libtorch.
         *
         * @param threads 0, the default, for one a core
         * @return this
         */
        public Builder threads(int threads) {
            order.put("threads", threads);
            return this;
        }

        /**
         * Epochs, instead of the configuration's.
         *
         * @param epochs 1 or more
         * @return this
         */
        public Builder epochs(long epochs) {
            order.put("epochs", epochs);
            return this;
        }

        /**
         * Seed, instead of the configuration's.
         *
         * @param seed any number from 0
         * @return this
         */
        public Builder seed(long seed) {
            order.put("seed", seed);
            return this;
        }

        /**
         * Who computes; the shared engine by default.
         *
         * @param engine the engine
         * @return this
         */
        public Builder engine(Engine engine) {
            this.engine = engine;
            return this;
        }

        /**
         * The run. Values are checked by the engine when it runs.
         *
         * @return the run
         * @throws OptionException without a configuration or a folder
         */
        public PreTraining build() {
            for (String needed : new String[] {"config", "out"}) {
                if (!order.containsKey(needed)) {
                    throw new OptionException("`" + needed + "` is missing; configuration(...) and out(...) are needed");
                }
            }
            return new PreTraining(engine == null ? Engine.shared() : engine, new LinkedHashMap<>(order));
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
        return Jobs.await(runAsync(listener, cancel), cancel);
    }

    /**
     * As {@link #run}, without waiting. The token stops the run; cancelling the future does not.
     *
     * @param listener is told how it goes on
     * @param cancel stops the run
     * @return the run's folder, or the exception that {@link #run} throws
     */
    public CompletableFuture<Path> runAsync(RunListener listener, CancelToken cancel) {
        return Jobs.begin(engine, Map.of("pretrain", order), null, listener, cancel)
                .thenApply(answer -> Path.of(Json.object(answer.get("trained")).get("out").toString()));
    }
}
