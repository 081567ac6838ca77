package io.github.slidestream;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** A slide: a file that the engine reads, or pixels that this program hands over. */
public final class Slide implements AutoCloseable {
    private final Engine engine;
    private final Path path;
    private final PixelSource pixels;
    private final List<int[]> levels;
    private final double[] mpp;
    private final String vendor;
    private final String reader;
    private final Map<String, String> properties;
    private volatile boolean closed;

    private Slide(Engine engine, Path path, Map<String, Object> info) {
        this.engine = engine;
        this.path = path;
        this.pixels = null;
        List<int[]> sizes = new ArrayList<>();
        for (Object level : Json.list(info.get("levels"))) {
            Map<String, Object> size = Json.object(level);
            sizes.add(new int[] {Json.whole(size.get("width")), Json.whole(size.get("height"))});
        }
        this.levels = List.copyOf(sizes);
        Object resolution = info.get("mpp");
        this.mpp = resolution == null
                ? null
                : Json.list(resolution).stream().mapToDouble(Json::number).toArray();
        this.vendor = info.get("vendor").toString();
        this.reader = info.get("reader").toString();
        Map<String, String> all = new LinkedHashMap<>();
        for (Object pair : Json.list(info.get("properties"))) {
            List<Object> entry = Json.list(pair);
            all.put(entry.get(0).toString(), entry.get(1).toString());
        }
        this.properties = Map.copyOf(all);
    }

    private Slide(Engine engine, PixelSource pixels) {
        this.engine = engine;
        this.path = null;
        this.pixels = pixels;
        this.levels = pixels.levels().stream().map(int[]::clone).toList();
        if (levels.isEmpty()) {
            throw new OptionException("`" + pixels.name() + "` has no level; the finest one is needed at least");
        }
        OptionalDouble resolution = pixels.micronsPerPixel();
        this.mpp = resolution.isEmpty() ? null : new double[] {resolution.getAsDouble(), resolution.getAsDouble()};
        this.vendor = "host";
        this.reader = "host";
        this.properties = Map.of();
    }

    /**
     * Opens a file: the formats of OpenSlide 4, OME and ordinary TIFF, PNG and JPEG.
     *
     * @param path the file
     * @return the slide
     * @throws FileException if it cannot be read
     * @throws ImageException if it is damaged or of an unknown format
     * @throws EngineException if the engine does not start or dies
     */
    public static Slide open(Path path) {
        return open(path, Engine.shared());
    }

    /**
     * Opens a file with an engine of its own.
     *
     * @param path the file
     * @param engine who reads it
     * @return the slide
     * @throws SlidestreamException as {@link #open(Path)}
     */
    public static Slide open(Path path, Engine engine) {
        Path absolute = path.toAbsolutePath();
        Map<String, Object> answer = Jobs.ask(engine, Map.of("slide", Map.of("path", absolute.toString())));
        return new Slide(engine, absolute, Json.object(answer.get("slide")));
    }

    /**
     * A slide whose pixels this program hands over.
     *
     * @param pixels where they come from; its levels and resolution are asked for once, now
     * @return the slide
     * @throws OptionException if it has no level
     */
    public static Slide of(PixelSource pixels) {
        return of(pixels, Engine.shared());
    }

    /**
     * A slide whose pixels this program hands over to an engine of its own.
     *
     * @param pixels where they come from
     * @param engine who computes
     * @return the slide
     * @throws OptionException if it has no level
     */
    public static Slide of(PixelSource pixels, Engine engine) {
        return new Slide(engine, pixels);
    }

    /**
     * The file.
     *
     * @return empty for pixels that this program hands over
     */
    public Optional<Path> path() {
        return Optional.ofNullable(path);
    }

    /**
     * Width of the finest level.
     *
     * @return level-0 pixels
     */
    public int width() {
        return levels.get(0)[0];
    }

    /**
     * Height of the finest level.
     *
     * @return level-0 pixels
     */
    public int height() {
        return levels.get(0)[1];
    }

    /**
     * The pyramid.
     *
     * @return width and height in pixels of each level, finest first
     */
    public List<int[]> levels() {
        return levels.stream().map(int[]::clone).toList();
    }

    /**
     * The resolution across.
     *
     * @return micrometres per level-0 pixel; empty if the slide does not say so
     */
    public OptionalDouble micronsPerPixelX() {
        return mpp == null ? OptionalDouble.empty() : OptionalDouble.of(mpp[0]);
    }

    /**
     * The resolution down.
     *
     * @return micrometres per level-0 pixel; empty if the slide does not say so
     */
    public OptionalDouble micronsPerPixelY() {
        return mpp == null ? OptionalDouble.empty() : OptionalDouble.of(mpp[1]);
    }

    /**
     * Who made the file.
     *
     * @return such as {@code aperio} or {@code png}; {@code host} for pixels that this program hands over
     */
    public String vendor() {
        return vendor;
    }

    /**
     * Who reads the pixels.
     *
     * @return such as {@code openslide 4.0.1}, {@code tiff} or {@code host}
     */
    public String reader() {
        return reader;
    }

    /**
     * Everything that the file says about itself.
     *
     * @return values by name; cannot be changed
     */
    public Map<String, String> properties() {
        return properties;
    }

    /** No more jobs with this slide; those that run go on. Nothing is held open between jobs. */
    @Override
    public void close() {
        closed = true;
    }

    Engine engine() {
        return engine;
    }

    PixelSource pixels() {
        return pixels;
    }

    /** As orders name it. */
    Map<String, Object> image() {
        if (closed) {
            throw new IllegalStateException("the slide has been closed");
        }
        if (pixels == null) {
            return Map.of("file", path.toString());
        }
        Map<String, Object> image = new LinkedHashMap<>();
        image.put("name", pixels.name());
        image.put("identity", pixels.identity());
        image.put("levels", levels.stream().map(size -> (Object) Map.of("width", size[0], "height", size[1])).toList());
        image.put("mpp", mpp == null ? null : mpp[0]);
        return Map.of("host", image);
    }
}
