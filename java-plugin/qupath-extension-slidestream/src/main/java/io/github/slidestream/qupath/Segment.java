package io.github.slidestream.qupath;

import io.github.slidestream.qupath.core.Channels;
import io.github.slidestream.qupath.core.OpenImage;
import io.github.slidestream.qupath.core.Output;
import io.github.slidestream.qupath.core.SegmentRun;
import io.github.slidestream.qupath.core.SegmentSettings;
import io.github.slidestream.qupath.core.Where;
import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.Device;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.Engines;
import io.github.slidestream.qupath.host.QuPathImage;
import java.util.OptionalInt;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Segmenting from a script, also without a window: the dialog's workflow line is a call of this builder.
 *
 * <pre>{@code
 * io.github.slidestream.qupath.Segment.builder()
 *     .model('he-nuclei')
 *     .where('annotations')
 *     .build()
 *     .run()
 * }</pre>
 */
public final class Segment {
    private static final Logger LOG = LoggerFactory.getLogger(Segment.class);

    private final SegmentSettings settings;

    private Segment(SegmentSettings settings) {
        this.settings = settings;
    }

    /** @return a builder; {@link Builder#model} is needed */
    public static Builder builder() {
        return new Builder();
    }

    /** What to do; all but the model have defaults. */
    public static final class Builder {
        private String model;
        private Where where = Where.SELECTED;
        private Output output = Output.DETECTIONS;
        private String device = Device.AUTO;
        private int threads;
        private OptionalInt tile = OptionalInt.empty();
        private OptionalInt halo = OptionalInt.empty();
        private Channels channels;
        private boolean fluorescence;
        private boolean throughQuPath;

        private Builder() {}

        /**
         * @param nameOrFolder name of an installed model package, or its folder with forward slashes
         * @return this
         */
        public Builder model(String nameOrFolder) {
            this.model = nameOrFolder;
            return this;
        }

        /**
         * @param part {@code selected} (the default), {@code annotations}, {@code cores}, {@code tissue} or {@code everywhere}
         * @return this
         */
        public Builder where(String part) {
            this.where = Where.of(part);
            return this;
        }

        /**
         * @param kind {@code detections} (the default), {@code annotations} or {@code measurements}
         * @return this
         */
        public Builder output(String kind) {
            this.output = Output.of(kind);
            return this;
        }

        /**
         * @param name {@code auto} (the default), {@code cpu}, {@code cuda:0}
         * @return this
         */
        public Builder device(String name) {
            this.device = name;
            return this;
        }

        /**
         * @param count of one forward pass on a CPU; 0, the default, for as many as there are cores
         * @return this
         */
        public Builder threads(int count) {
            this.threads = count;
            return this;
        }

        /**
         * @param pixels edge of a tile at the model's resolution, halo included; the model's own by default
         * @return this
         */
        public Builder tile(int pixels) {
            this.tile = OptionalInt.of(pixels);
            return this;
        }

        /**
         * @param pixels context around each tile's core at the model's resolution; the model's own by default
         * @return this
         */
        public Builder halo(int pixels) {
            this.halo = OptionalInt.of(pixels);
            return this;
        }

        /**
         * For images that are not RGB: what the model sees as red, green and blue.
         *
         * @param red channel, from 0
         * @param green channel, from 0
         * @param blue channel, from 0
         * @param black value that is shown as 0
         * @param white value that is shown as 255
         * @return this
         */
        public Builder channels(int red, int green, int blue, double black, double white) {
            this.channels = new Channels(red, green, blue, black, white);
            return this;
        }

        /**
         * @param allow RGB images whose type is fluorescence, for which no model here was made
         * @return this
         */
        public Builder fluorescence(boolean allow) {
            this.fluorescence = allow;
            return this;
        }

        /**
         * @param always let QuPath read the pixels even where the engine can read the file: slower, and the same result
         * @return this
         */
        public Builder throughQuPath(boolean always) {
            this.throughQuPath = always;
            return this;
        }

        /**
         * @return what {@link Segment#run()} does
         * @throws IllegalArgumentException for a value that cannot be used, naming it
         */
        public Segment build() {
            return new Segment(new SegmentSettings(
                    model, where, output, device, threads, tile, halo, channels, fluorescence, throughQuPath));
        }
    }

    /** @return what the builder was told */
    public SegmentSettings settings() {
        return settings;
    }

    /**
     * Segments the image of the script and waits.
     *
     * @return how it ended
     * @throws EngineException for everything that fails, which ends the script
     */
    public SegmentRun.Summary run() throws EngineException {
        return run(QuPathImage.ofScript());
    }

    /**
     * Segments an image and waits.
     *
     * @param image the image
     * @return how it ended
     * @throws EngineException for everything that fails
     */
    public SegmentRun.Summary run(OpenImage image) throws EngineException {
        Engine engine = Engines.get();
        SegmentRun.Watcher watcher = new SegmentRun.Watcher() {
            @Override
            public void note(String text) {
                LOG.info("{}: {}", image.name(), text);
            }
        };
        SegmentRun.Summary summary = new SegmentRun(engine, image, settings, engine::fileProperties).run(watcher, new Cancel());
        LOG.info("{}: {}", image.name(), summary.text());
        return summary;
    }
}
