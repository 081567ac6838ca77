package io.github.slidestream;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What {@link FineTuning} and {@link PreTraining} are told alike: what to train, where and on what.
 *
 * @param <B> the builder itself
 */
public abstract sealed class TrainingBuilder<B extends TrainingBuilder<B>> permits FineTuning.Builder, PreTraining.Builder {
    final Map<String, Object> order = new LinkedHashMap<>();
    private Engine engine;

    TrainingBuilder() {}

    abstract B self();

    /** @throws OptionException without a configuration or a folder */
    final TrainingJob job(String kind) {
        for (String needed : new String[] {"config", "out"}) {
            if (!order.containsKey(needed)) {
                throw new OptionException("`" + needed + "` is missing; configuration(...) and out(...) are needed");
            }
        }
        return new TrainingJob(engine == null ? Engine.shared() : engine, kind, new LinkedHashMap<>(order));
    }

    /**
     * The run's TOML file.
     *
     * @param file the file; paths in it are relative to it
     * @return this
     */
    public B configuration(Path file) {
        order.put("config", file.toAbsolutePath().toString());
        return self();
    }

    /**
     * Folder that everything is written to.
     *
     * @param folder the folder; created if needed
     * @return this
     */
    public B out(Path folder) {
        order.put("out", folder.toAbsolutePath().toString());
        return self();
    }

    /**
     * Goes on from the folder's last checkpoint.
     *
     * @return this
     */
    public B resume() {
        order.put("resume", true);
        return self();
    }

    /**
     * Which device.
     *
     * @param device {@code auto}, the default, {@code cpu} or {@code cuda[:N]}
     * @return this
     */
    public B device(String device) {
        order.put("device", device);
        return self();
    }

    /**
     * Threads of libtorch.
     *
     * @param threads 0, the default, for one a core
     * @return this
     */
    public B threads(int threads) {
        order.put("threads", threads);
        return self();
    }

    /**
     * Epochs, instead of the configuration's.
     *
     * @param epochs 1 or more
     * @return this
     */
    public B epochs(long epochs) {
        order.put("epochs", epochs);
        return self();
    }

    /**
     * Seed, instead of the configuration's.
     *
     * @param seed any number from 0
     * @return this
     */
    public B seed(long seed) {
        order.put("seed", seed);
        return self();
    }

    /**
     * Folder of the images, instead of the configuration's; for a pre-training, instead of that of its one folder source.
     *
     * @param folder the folder
     * @return this
     */
    public B data(Path folder) {
        order.put("data", folder.toAbsolutePath().toString());
        return self();
    }

    /**
     * Who computes; the shared engine by default.
     *
     * @param engine the engine
     * @return this
     */
    public B engine(Engine engine) {
        this.engine = engine;
        return self();
    }
}
