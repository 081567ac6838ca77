package io.github.slidestream;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;

/** What to do with slides; immutable, and good for any number of them. */
public final class Segmentation {
    private final Model model;
    private final Map<String, Object> config;
    private final Integer batch;
    private final Path out;
    private final boolean replace;

    private Segmentation(Builder builder) {
        this.model = builder.model;
        Map<String, Object> all = new LinkedHashMap<>(builder.config);
        if (!builder.stream.isEmpty()) {
            all.put("stream", Map.copyOf(builder.stream));
        }
        this.config = all;
        this.batch = builder.batch;
        this.out = builder.out;
        this.replace = builder.replace;
    }

    /**
     * For a segmentation with this model.
     *
     * @return a builder; {@link Builder#model} is needed
     */
    public static Builder builder() {
        return new Builder();
    }

    /** The options; all but the model have defaults. */
    public static final class Builder {
        private final Map<String, Object> config = new LinkedHashMap<>();
        private final Map<String, Object> stream = new LinkedHashMap<>();
        private Model model;
        private Integer batch;
        private Path out;
        private boolean replace;

        private Builder() {}

        /**
         * The model.
         *
         * @param model as {@link Model#load(String)} gives it
         * @return this
         */
        public Builder model(Model model) {
            this.model = model;
            return this;
        }

        /**
         * Where to look; by default where there is tissue.
         *
         * @param area the area
         * @return this
         */
        public Builder area(Area area) {
            config.put("area", area.order());
            return this;
        }

        /**
         * The resolution, for slides that do not say so or say it wrongly.
         *
         * @param micronsPerPixel micrometres per level-0 pixel
         * @return this
         */
        public Builder micronsPerPixel(double micronsPerPixel) {
            config.put("mpp", micronsPerPixel);
            return this;
        }

        /**
         * Edge of a tile; by default the model's.
         *
         * @param pixels at the model's resolution, halo included
         * @return this
         */
        public Builder tile(int pixels) {
            config.put("tile_px", pixels);
            return this;
        }

        /**
         * Pixels on each side of a tile that only give context; by default the model's.
         *
         * @param pixels at the model's resolution
         * @return this
         */
        public Builder halo(int pixels) {
            config.put("halo_px", pixels);
            return this;
        }

        /**
         * Tiles a forward pass; by default 1 on a CPU and 16 on a GPU.
         *
         * @param tiles 1 or more
         * @return this
         */
        public Builder batch(int tiles) {
            this.batch = tiles;
            return this;
        }

        /**
         * Tiles that are read at once; by default by the number of cores.
         *
         * @param readers 1 or more
         * @return this
         */
        public Builder readers(int readers) {
            stream.put("readers", readers);
            return this;
        }

        /**
         * Decoded pixels in the engine's memory at once; 512 MiB by default.
         *
         * @param bytes at least one batch of tiles
         * @return this
         */
        public Builder pixelBudget(long bytes) {
            stream.put("pixel_budget", bytes);
            return this;
        }

        /**
         * Share of the tiles that may fail before the slide counts as failed; 0 by default.
         *
         * @param share from 0 to 1
         * @return this
         */
        public Builder maxFailedTiles(double share) {
            stream.put("max_failed_tiles", share);
            return this;
        }

        /**
         * Writes the result's files as well, as {@code slidestream segment} does: GeoJSON, class map, overlay, measurements
         * and a manifest. The folder appears when everything in it is complete. A slide that has its result there already is
         * skipped.
         *
         * @param folder the result's folder
         * @return this
         */
        public Builder out(Path folder) {
            this.out = folder.toAbsolutePath();
            return this;
        }

        /**
         * Replaces a result that is there.
         *
         * @return this
         */
        public Builder replace() {
            this.replace = true;
            return this;
        }

        /**
         * The segmentation. Values are checked by the engine when it runs.
         *
         * @return the segmentation
         * @throws OptionException without a model, or with {@link #replace()} and no folder
         */
        public Segmentation build() {
            if (model == null) {
                throw new OptionException("no model; Segmentation.builder().model(Model.load(...)) sets it");
            }
            if (replace && out == null) {
                throw new OptionException("replace() does nothing without a folder; set out(...) too");
            }
            return new Segmentation(this);
        }
    }

    /**
     * Segments a slide and waits. Interrupting the thread stops the job.
     *
     * @param slide the slide
     * @return what was found, objects included
     * @throws ImageException if the slide cannot be read or does not say its resolution
     * @throws OptionException for an option that cannot be used
     * @throws StoppedException if it was stopped
     * @throws EngineException if the engine died
     * @throws SlidestreamException for all else
     */
    public SegmentationResult run(Slide slide) {
        return run(slide, RunListener.NONE, new CancelToken());
    }

    /**
     * As {@link #run(Slide)}, with progress and an order to stop. Objects go to the listener only, so that memory does not grow
     * with their number.
     *
     * @param slide the slide
     * @param listener is told how it goes on, and gets the objects
     * @param cancel stops it
     * @return what was found, without objects unless the listener is {@link RunListener#NONE}
     * @throws SlidestreamException as {@link #run(Slide)}
     */
    public SegmentationResult run(Slide slide, RunListener listener, CancelToken cancel) {
        return Jobs.await(runAsync(slide, listener, cancel), cancel);
    }

    /**
     * As {@link #run(Slide)}, without waiting.
     *
     * @param slide the slide
     * @return the result, or the exception that {@link #run(Slide)} throws
     */
    public CompletableFuture<SegmentationResult> runAsync(Slide slide) {
        return runAsync(slide, RunListener.NONE, new CancelToken());
    }

    /**
     * As {@link #run(Slide, RunListener, CancelToken)}, without waiting. The token stops the job; cancelling the future
     * does not.
     *
     * @param slide the slide
     * @param listener is told how it goes on, and gets the objects
     * @param cancel stops it
     * @return the result, or the exception that {@link #run(Slide)} throws
     * @throws OptionException if slide and model belong to different engines
     */
    public CompletableFuture<SegmentationResult> runAsync(Slide slide, RunListener listener, CancelToken cancel) {
        Collector collector = listener == RunListener.NONE ? new Collector() : null;
        return Jobs.begin(model.engine(), order(slide), slide.pixels(), collector == null ? listener : collector, cancel)
                .thenApply(answer -> new SegmentationResult(
                        Json.object(answer.get("segmented")), collector == null ? java.util.List.of() : collector.batches()));
    }

    /**
     * The objects as a stream, computed once for each subscriber, at the pace at which it asks for them: while it does not ask,
     * the engine waits. Cancelling the subscription stops the job.
     *
     * @param slide the slide
     * @return batches of objects; fails as {@link #run(Slide)} does
     */
    public Flow.Publisher<ObjectBatch> publish(Slide slide) {
        return new BatchPublisher((listener, cancel) -> runAsync(slide, listener, cancel));
    }

    private Map<String, Object> order(Slide slide) {
        if (slide.engine() != model.engine()) {
            throw new OptionException("the slide and the model belong to different engines; open both with the same one");
        }
        Map<String, Object> order = new LinkedHashMap<>();
        order.put("image", slide.image());
        order.put("model", model.choice());
        order.put("batch", batch);
        order.put("config", config);
        order.put("out", out == null ? null : out.toString());
        order.put("force", replace);
        return Map.of("segment", order);
    }

    private static final class Collector implements RunListener {
        private final java.util.List<ObjectBatch> batches = new java.util.ArrayList<>();

        @Override
        public synchronized void objects(ObjectBatch batch) {
            batches.add(batch);
        }

        synchronized java.util.List<ObjectBatch> batches() {
            return java.util.List.copyOf(batches);
        }
    }
}
