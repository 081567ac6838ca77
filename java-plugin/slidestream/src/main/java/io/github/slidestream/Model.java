package io.github.slidestream;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A model that is ready: it stays loaded in the engine from job to job, until that ends or other models push it out. */
public final class Model implements AutoCloseable {
    private final Engine engine;
    private final Map<String, Object> choice;
    private final Map<String, Object> facts;
    private final List<ModelClass> classes;
    private final List<String> measurements;
    private volatile boolean closed;

    private Model(Engine engine, Map<String, Object> choice, Map<String, Object> facts) {
        this.engine = engine;
        this.choice = choice;
        this.facts = facts;
        List<ModelClass> all = new ArrayList<>();
        for (Object entry : Json.list(facts.get("classes"))) {
            Map<String, Object> one = Json.object(entry);
            List<Object> color = Json.list(one.get("color"));
            int rgb = Json.whole(color.get(0)) << 16 | Json.whole(color.get(1)) << 8 | Json.whole(color.get(2));
            all.add(new ModelClass(one.get("name").toString(), rgb, (Boolean) one.get("reported")));
        }
        this.classes = List.copyOf(all);
        this.measurements =
                Json.list(facts.get("measurements")).stream().map(Object::toString).toList();
    }

    /**
     * A class of a model.
     *
     * @param name as it appears in QuPath
     * @param rgb its colour, {@code 0xRRGGBB}
     * @param reported are there objects of it? Not of background and boundary
     */
    public record ModelClass(String name, int rgb, boolean reported) {}

    /**
     * Loads a model on the best device.
     *
     * @param nameOrFolder name of an installed package ({@link Models#list()}), or its folder
     * @return the model
     * @throws ModelException if there is none of this name or it is unsound
     * @throws EngineException if the engine does not start or dies
     */
    public static Model load(String nameOrFolder) {
        return builder(nameOrFolder).load();
    }

    /**
     * Loads a model from a folder on the best device.
     *
     * @param folder the package's folder
     * @return the model
     * @throws SlidestreamException as {@link #load(String)}
     */
    public static Model load(Path folder) {
        return load(folder.toAbsolutePath().toString());
    }

    /**
     * For a model with options.
     *
     * @param nameOrFolder name of an installed package, or its folder
     * @return a builder
     */
    public static Builder builder(String nameOrFolder) {
        return new Builder(nameOrFolder);
    }

    /** How to compute. */
    public static final class Builder {
        private final Map<String, Object> choice = new LinkedHashMap<>();
        private Engine engine;

        private Builder(String nameOrFolder) {
            choice.put("model", nameOrFolder);
        }

        /**
         * Which device.
         *
         * @param device {@code auto}, {@code cpu}, {@code cuda} or {@code cuda:N}; see {@link Devices#list()}
         * @return this
         */
        public Builder device(String device) {
            choice.put("device", device);
            return this;
        }

        /**
         * How to compute.
         *
         * @param precision {@code auto}, {@code f32}, {@code bf16} or, with CUDA, {@code f16}
         * @return this
         */
        public Builder precision(String precision) {
            choice.put("precision", precision);
            return this;
        }

        /**
         * Threads on a CPU.
         *
         * @param threads of one forward pass; 0, the default, for as many as there are cores
         * @return this
         */
        public Builder threads(int threads) {
            choice.put("threads", threads);
            return this;
        }

        /**
         * Allows a model that is a program (TorchScript). Only for packages whose maker you trust.
         *
         * @return this
         */
        public Builder trust() {
            choice.put("trust_model", true);
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
         * Loads the model.
         *
         * @return the model
         * @throws ModelException if there is none of this name or it is unsound
         * @throws DeviceException if the device cannot be used
         * @throws OptionException for a precision or number that cannot be used
         * @throws EngineException if the engine does not start or dies
         */
        public Model load() {
            Engine used = engine == null ? Engine.shared() : engine;
            Map<String, Object> answer = Jobs.ask(used, Map.of("model", choice));
            return new Model(used, Map.copyOf(choice), Json.object(answer.get("model")));
        }
    }

    /**
     * Name of the package.
     *
     * @return unique short name
     */
    public String name() {
        return facts.get("name").toString();
    }

    /**
     * Version of the weights.
     *
     * @return such as {@code 0.2.0}
     */
    public String version() {
        return facts.get("version").toString();
    }

    /**
     * What it finds.
     *
     * @return one sentence
     */
    public String title() {
        return facts.get("title").toString();
    }

    /**
     * Does it find single objects?
     *
     * @return false for a model of regions
     */
    public boolean findsInstances() {
        return (Boolean) facts.get("instances");
    }

    /**
     * The resolution at which it looks; slides are resampled to it.
     *
     * @return micrometres per pixel
     */
    public double micronsPerPixel() {
        return Json.number(facts.get("mpp"));
    }

    /**
     * Its classes, which {@link ObjectBatch#classOf(int)} numbers.
     *
     * @return background and boundary included
     */
    public List<ModelClass> classes() {
        return classes;
    }

    /**
     * What is measured of each object, as {@link ObjectBatch#measurement(int, int)} numbers it.
     *
     * @return names with units, such as {@code Area µm^2}
     */
    public List<String> measurements() {
        return measurements;
    }

    /**
     * Where it computes.
     *
     * @return {@code cpu} or {@code cuda:N}
     */
    public String device() {
        return facts.get("device").toString();
    }

    /**
     * How it computes.
     *
     * @return {@code f32}, {@code bf16} or {@code f16}
     */
    public String precision() {
        return facts.get("precision").toString();
    }

    /**
     * Why there and so.
     *
     * @return one line
     */
    public String reason() {
        return facts.get("reason").toString();
    }

    /** No more jobs with this model object; those that run go on. {@link Engine#end()} gives its memory back at once. */
    @Override
    public void close() {
        closed = true;
    }

    Engine engine() {
        return engine;
    }

    Map<String, Object> choice() {
        if (closed) {
            throw new IllegalStateException("the model has been closed");
        }
        return choice;
    }
}
