package io.github.slidestream.qupath;

import io.github.slidestream.qupath.core.Channels;
import io.github.slidestream.qupath.core.FoundObject;
import io.github.slidestream.qupath.core.OpenImage;
import io.github.slidestream.qupath.core.Output;
import io.github.slidestream.qupath.core.ServerFacts;
import io.github.slidestream.qupath.core.SlideRoute;
import io.github.slidestream.qupath.core.Tally;
import io.github.slidestream.qupath.core.Target;
import io.github.slidestream.qupath.core.Where;
import io.github.slidestream.qupath.engine.LoadedModel;
import io.github.slidestream.qupath.engine.Pixels;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.locationtech.jts.geom.Envelope;
import org.locationtech.jts.geom.Geometry;
import org.locationtech.jts.geom.GeometryFactory;

/** An image of 1000 x 800 pixels of 0.25 µm that keeps what is done to it. */
public class FakeImage implements OpenImage {
    public static final GeometryFactory FACTORY = new GeometryFactory();

    public final List<Target> selected = new ArrayList<>();
    public final List<Target> annotations = new ArrayList<>();
    public final List<Target> cores = new ArrayList<>();
    public final List<Labelled> labelled = new ArrayList<>();
    public final Map<String, List<FoundObject>> objects = new LinkedHashMap<>();
    public final Map<String, Map<String, Double>> numbers = new LinkedHashMap<>();
    public final List<String> script = new ArrayList<>();
    public OptionalDouble microns = OptionalDouble.of(0.25);
    public boolean rgb = true;
    public boolean fluorescence;
    public List<String> channels = List.of("Red", "Green", "Blue");
    public ServerFacts server = new ServerFacts("qupath.lib.images.servers.bioformats.BioFormatsImageServer",
            List.of(URI.create("file:/slides/a.tif")), List.of(), 1000, 800, 1);

    public static Geometry box(double x, double y, double width, double height) {
        return FACTORY.toGeometry(new Envelope(x, x + width, y, y + height));
    }

    public static Target target(String name, Geometry outline) {
        return new Target(name, name, outline, 0, 0);
    }

    public static ServerFacts openslide(URI uri, int width, int height, String... args) {
        return new ServerFacts(SlideRoute.OPENSLIDE, List.of(uri), List.of(args), width, height, 1);
    }

    public String name = "CMU-1.svs";
    public int closed;
    /** Slices and times that pixels were asked of. */
    public final List<String> planes = new ArrayList<>();

    @Override
    public void close() {
        closed++;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public int width() {
        return 1000;
    }

    @Override
    public int height() {
        return 800;
    }

    @Override
    public OptionalDouble micronsAcross() {
        return microns;
    }

    @Override
    public OptionalDouble micronsDown() {
        return microns;
    }

    @Override
    public boolean isRgb() {
        return rgb;
    }

    @Override
    public boolean isFluorescence() {
        return fluorescence;
    }

    @Override
    public List<String> channels() {
        return channels;
    }

    @Override
    public double largestValue() {
        return 65535;
    }

    @Override
    public ServerFacts server() {
        return server;
    }

    @Override
    public Counts counts() {
        return new Counts(selected.size(), 0, annotations.size(), cores.size());
    }

    @Override
    public List<Target> targets(Where where) {
        return switch (where) {
            case SELECTED -> selected;
            case ANNOTATIONS -> annotations;
            case CORES -> cores;
            case TISSUE, EVERYWHERE -> List.of(target("image", null));
        };
    }

    @Override
    public Pixels pixels(Channels chosen, int z, int t) {
        planes.add(z + " " + t);
        return new Pixels() {
            @Override
            public String name() {
                return FakeImage.this.name();
            }

            @Override
            public String identity() {
                return "fake";
            }

            @Override
            public List<int[]> levels() {
                return List.of(new int[] {1000, 800});
            }

            @Override
            public void read(int level, int x, int y, int width, int height, ByteBuffer rgb) {
                for (int i = 0; i < 3 * width * height; i++) {
                    rgb.put((byte) 200);
                }
            }
        };
    }

    @Override
    public List<Labelled> labelled() {
        return labelled;
    }

    /** A picture whose red and green tell where in the image it is. */
    @Override
    public BufferedImage read(int[] region, double downsample, Channels chosen, int z, int t) throws IOException {
        int width = (int) Math.round(region[2] / downsample);
        int height = (int) Math.round(region[3] / downsample);
        BufferedImage picture = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int across = (int) (region[0] + x * downsample) * 255 / 1000;
                int down = (int) (region[1] + y * downsample) * 255 / 800;
                picture.setRGB(x, y, across << 16 | down << 8);
            }
        }
        return picture;
    }

    @Override
    public void replace(Target target, List<FoundObject> found, LoadedModel model, Output output) {
        objects.put(target.name(), List.copyOf(found));
    }

    @Override
    public void measure(Target target, String prefix, Collection<Tally.Number> all) {
        Map<String, Double> values = new LinkedHashMap<>();
        all.forEach(number -> values.put(number.name(), number.value()));
        numbers.put(target.name(), values);
    }

    @Override
    public void remember(String title, String line) {
        script.add(line);
    }
}
