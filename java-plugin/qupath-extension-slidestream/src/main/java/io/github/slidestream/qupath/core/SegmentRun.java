package io.github.slidestream.qupath.core;

import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.Listener;
import io.github.slidestream.qupath.engine.LoadedModel;
import io.github.slidestream.qupath.engine.ObjectBatch;
import io.github.slidestream.qupath.engine.Pixels;
import io.github.slidestream.qupath.engine.SegmentJob;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Segments the targets of an image one after the other. A target gets its objects when all of them are there. */
public final class SegmentRun {
    /** What an object takes in QuPath's memory with its shape and index, measured with outlines of 24 points. */
    static final long BYTES_AN_OBJECT = 1000;

    private final Engine engine;
    private final OpenImage image;
    private final SegmentSettings settings;
    private final SlideRoute.Properties properties;

    /**
     * @param engine computes
     * @param image is open
     * @param settings what to do
     * @param properties of a file, for the choice of the route
     */
    public SegmentRun(Engine engine, OpenImage image, SegmentSettings settings, SlideRoute.Properties properties) {
        this.engine = engine;
        this.image = image;
        this.settings = settings;
        this.properties = properties;
    }

    /** Is told how a run goes on, on its thread. */
    public interface Watcher {
        /**
         * @param target number of the target, from 0
         * @param targets how many there are
         * @param progress of this target
         */
        default void progress(int target, int targets, Listener.Progress progress) {}

        /** @param text one line */
        default void note(String text) {}

        /**
         * Objects that will be added when their target is complete, for a preview.
         *
         * @param found in image pixels
         * @param model whose
         */
        default void preview(List<FoundObject> found, LoadedModel model) {}
    }

    /**
     * How a run ended.
     *
     * @param targets how many there were
     * @param complete how many have their objects
     * @param objects added, or counted
     * @param tiles computed
     * @param seconds it took
     * @param route who read the pixels
     * @param device who computed
     * @param stopped was it stopped?
     */
    public record Summary(
            int targets, int complete, long objects, long tiles, double seconds, String route, String device, boolean stopped) {
        /** @return one line */
        public String text() {
            String rate = seconds > 0 && tiles > 0 ? ", " + Pace.digits(tiles / seconds) + " tiles/s" : "";
            String counted = String.format(Locale.ROOT, "%,d objects in %s%s; %s; %s.", objects, Pace.duration(seconds), rate, route, device);
            if (!stopped) {
                return counted;
            }
            return complete == 0
                    ? "Stopped. Nothing was changed."
                    : "Stopped: " + complete + " of " + targets + " parts are complete, the others are as they were. " + counted;
        }
    }

    /**
     * Runs.
     *
     * @param watcher is told how it goes on
     * @param cancel stops it
     * @return how it ended, also if it was stopped
     * @throws EngineException for everything that fails; targets that were complete keep their objects
     */
    public Summary run(Watcher watcher, Cancel cancel) throws EngineException {
        long started = System.nanoTime();
        String refusal = refusal();
        if (refusal != null) {
            throw new EngineException(refusal);
        }
        List<Target> targets = image.targets(settings.where());
        if (targets.isEmpty()) {
            throw new EngineException("There is nothing to segment for \"" + settings.where().word() + "\" in " + image.name()
                    + "; select or draw annotations, or use where(\"tissue\")");
        }
        LoadedModel model = engine.load(settings.model(), settings.device(), settings.threads());
        PixelSize size = new PixelSize(image.micronsAcross(), image.micronsDown(), model.mpp());
        if (size.refusal().isPresent()) {
            throw new EngineException(image.name() + ": " + size.refusal().get());
        }
        SlideRoute route = settings.throughQuPath()
                ? new SlideRoute.Host("asked for")
                : image.isRgb()
                        ? SlideRoute.choose(image.server(), properties)
                        : new SlideRoute.Host("the image is not RGB");
        watcher.note("The image is " + route.text() + ".");
        int complete = 0;
        long objects = 0;
        long tiles = 0;
        boolean stopped = false;
        for (int i = 0; i < targets.size() && !stopped; i++) {
            One one = new One(targets.get(i), i, targets.size(), model, route, size.microns(), watcher, cancel);
            try {
                objects += one.run();
                complete++;
            } catch (CancelledException stop) {
                stopped = true;
            }
            tiles += one.tiles;
        }
        if (complete > 0) {
            image.remember("slidestream: " + model.name(), settings.script());
        }
        double seconds = (System.nanoTime() - started) / 1e9;
        return new Summary(targets.size(), complete, objects, tiles, seconds, route.text(), model.device(), stopped);
    }

    /** What the dialog refuses before and scripts must be told. */
    private String refusal() {
        if (!image.isRgb() && settings.channels() == null) {
            return image.name() + " is not RGB (channels: " + String.join(", ", image.channels())
                    + "); say which are red, green and blue with channels(r, g, b, black, white)";
        }
        if (image.isRgb() && settings.channels() != null) {
            return image.name() + " is RGB; leave out channels(...)";
        }
        Channels channels = settings.channels();
        if (channels != null && Math.max(channels.red(), Math.max(channels.green(), channels.blue())) >= image.channels().size()) {
            return image.name() + " has " + image.channels().size() + " channels, counted from 0; channels(" + channels.red() + ", "
                    + channels.green() + ", " + channels.blue() + ", ...) names one that is not there";
        }
        if (image.isRgb() && image.isFluorescence() && !settings.fluorescence()) {
            return image.name() + " is of type fluorescence and the model was made for brightfield; correct the type, or allow it "
                    + "with fluorescence(true)";
        }
        return null;
    }

    /** One target. */
    private final class One implements Listener {
        private final Target target;
        private final int number;
        private final int count;
        private final LoadedModel model;
        private final SlideRoute route;
        private final double microns;
        private final Watcher watcher;
        private final Cancel cancel;
        private final Border border;
        private final List<FoundObject> found = new ArrayList<>();
        private final double dx;
        private final double dy;
        private long tiles;
        private boolean warned;

        One(Target target, int number, int count, LoadedModel model, SlideRoute route, double microns, Watcher watcher, Cancel cancel) {
            this.target = target;
            this.number = number;
            this.count = count;
            this.model = model;
            this.route = route;
            this.microns = microns;
            this.watcher = watcher;
            this.cancel = cancel;
            this.border = target.outline() == null ? null : new Border(target.outline());
            this.dx = route instanceof SlideRoute.File file ? file.x() : 0;
            this.dy = route instanceof SlideRoute.File file ? file.y() : 0;
        }

        long run() throws EngineException, CancelledException {
            cancel.check();
            SegmentJob.Area area = border != null
                    ? new SegmentJob.Outlines(border.rings(dx, dy))
                    : settings.where() == Where.TISSUE ? new SegmentJob.Tissue() : new SegmentJob.Everywhere();
            Pixels pixels = route instanceof SlideRoute.File ? null : image.pixels(settings.channels(), target.z(), target.t());
            engine.segment(
                    new SegmentJob(
                            route instanceof SlideRoute.File file ? file.file() : null,
                            pixels,
                            microns,
                            area,
                            settings.model(),
                            settings.device(),
                            settings.threads(),
                            settings.tile(),
                            settings.halo()),
                    this,
                    cancel);
            cancel.check();
            if (settings.output() == Output.MEASUREMENTS) {
                Tally tally = new Tally(model);
                found.forEach(tally::add);
                double whole = border == null ? (double) image.width() * image.height() : target.outline().getArea();
                image.measure(target, Tally.prefix(model.name()), tally.numbers(whole, microns));
            } else {
                image.replace(target, found, model, settings.output());
            }
            return found.size();
        }

        @Override
        public void progress(Progress progress) {
            tiles = progress.done();
            watcher.progress(number, count, progress);
        }

        @Override
        public void note(String text) {
            watcher.note(text);
        }

        @Override
        public void objects(ObjectBatch batch) {
            List<FoundObject> part = FoundObject.of(batch, -dx, -dy, border, model.instances());
            found.addAll(part);
            long heap = Runtime.getRuntime().maxMemory();
            if (!warned && found.size() * BYTES_AN_OBJECT > heap / 2) {
                warned = true;
                watcher.note(String.format(Locale.ROOT, "%,d objects and more will need over half of QuPath's %.1f GiB of memory. Stop, "
                        + "and take smaller parts or only measurements; or give QuPath more memory in its preferences.",
                        found.size(), heap / 1073741824.0));
            }
            watcher.preview(part, model);
        }
    }
}
