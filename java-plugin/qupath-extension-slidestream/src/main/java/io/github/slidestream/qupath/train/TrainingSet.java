package io.github.slidestream.qupath.train;

import io.github.slidestream.qupath.core.Channels;
import io.github.slidestream.qupath.core.OpenImage;
import java.awt.geom.AffineTransform;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.imageio.ImageIO;
import org.locationtech.jts.geom.Coordinate;
import org.locationtech.jts.geom.Envelope;


/**
 * Training images cut from the annotated regions of one or several images: {@code image/} with RGB, {@code label/} with an own
 * number for each object (16 bit), 255 for areas or the number of the class, {@code index.csv} with the split. All at the model's
 * resolution.
 */
public final class TrainingSet {
    /** Wider regions are cut into pieces of this edge. */
    static final int PIECE = 1024;

    private final List<Annotated> images;
    private final Channels channels;
    private final String regionClass;
    private final List<String> classes;
    private final Labels labels;
    private final double mpp;
    private final List<Region> regions = new ArrayList<>();

    /**
     * @param images with the annotations
     * @param channels for images that are not RGB, else null
     * @param regionClass class of the rectangles within which everything is annotated
     * @param classes of the objects; everything else is background. With {@link Labels#CLASSES} their order gives the numbers
     * @param labels what is learnt of them
     * @param mpp of the model, micrometres per pixel
     */
    public TrainingSet(
            List<Annotated> images, Channels channels, String regionClass, List<String> classes, Labels labels, double mpp) {
        this.images = images.stream()
                .filter(one -> one.labelled().stream().anyMatch(object -> object.className().equals(regionClass)))
                .toList();
        this.channels = channels;
        this.regionClass = regionClass;
        this.classes = classes.stream().filter(name -> !name.equals(regionClass)).toList();
        this.labels = labels;
        this.mpp = mpp;
        int number = 0;
        for (int i = 0; i < this.images.size(); i++) {
            Annotated one = this.images.get(i);
            List<OpenImage.Labelled> found =
                    one.labelled().stream().filter(object -> object.className().equals(regionClass)).toList();
            for (int r = 0; r < found.size(); r++) {
                boolean checks = this.images.size() > 1 ? checks(i, this.images.size()) : checks(r, found.size());
                regions.add(new Region(one, i, ++number, found.get(r), checks));
            }
        }
    }

    /** A rectangle within which everything is annotated, the {@code number}th of all, from 1. */
    record Region(Annotated of, int image, int number, OpenImage.Labelled shape, boolean checks) {
        boolean holds(OpenImage.Labelled object) {
            Coordinate centre = object.box().centre();
            return shape.z() == object.z() && shape.t() == object.t() && shape.box().contains(centre);
        }
    }

    /**
     * What there is to learn from.
     *
     * @param images that have training regions
     * @param regions number of training regions
     * @param objects number of objects whose centre lies in one
     * @param refusal why it cannot be learnt from, with the cure; null if it can
     */
    public record Survey(int images, int regions, int objects, String refusal) {}

    /** @return what there is to learn from */
    public Survey survey() {
        Map<String, Integer> learnt = new HashMap<>();
        int inside = 0;
        for (Annotated one : images) {
            List<Region> here = regions.stream().filter(region -> region.of() == one).toList();
            for (OpenImage.Labelled object : objects(one)) {
                List<Region> around = here.stream().filter(region -> region.holds(object)).toList();
                inside += around.isEmpty() ? 0 : 1;
                if (around.stream().anyMatch(region -> !region.checks())) {
                    learnt.merge(object.className(), 1, Integer::sum);
                }
            }
        }
        return new Survey(images.size(), regions.size(), inside, refusal(inside, learnt));
    }

    private String refusal(int inside, Map<String, Integer> learnt) {
        if (classes.isEmpty()) {
            return "Tick the classes of the objects that the model shall find.";
        }
        if (labels == Labels.CLASSES && classes.size() < 2) {
            return "Tick at least two classes, or let the model find areas of one class.";
        }
        if (regions.size() < 2) {
            return String.format(Locale.ROOT,
                    "There %s of class %s; two are needed at least: one to learn from, one to check on. Draw rectangles, give them "
                            + "that class, and annotate every object in them.",
                    regions.isEmpty() ? "is no region" : "is 1 region", regionClass);
        }
        for (Region region : regions) {
            String refusal = RegionCheck.refusal(region, images.size() > 1, regionClass, mpp);
            if (refusal != null) {
                return refusal;
            }
        }
        if (inside == 0) {
            return "No object of the ticked classes lies in a region of class " + regionClass + ". Annotate every object in the regions.";
        }
        for (String name : classes) {
            if (labels == Labels.CLASSES && !learnt.containsKey(name)) {
                return "No object of class " + name + " lies in a region that is learnt from. Annotate some there, or take the tick away.";
            }
        }
        return learnt.isEmpty()
                ? "All objects lie in the regions for checking (every fifth, or the last of fewer). Annotate objects in the others too."
                : null;
    }

    /**
     * What was written.
     *
     * @param images that it comes from
     * @param pieces of them, each a file
     * @param objects in the pieces
     * @param smallestSide of a piece, in pixels
     */
    public record Written(int images, int pieces, int objects, int smallestSide) {}

    /**
     * Writes the set.
     *
     * @param folder which is created
     * @param told is told of each image, as {@code done, total}
     * @return what was written
     * @throws IOException if the image cannot be read or the folder not written
     */
    public Written write(Path folder, java.util.function.BiConsumer<Integer, Integer> told) throws IOException {
        Files.createDirectories(folder.resolve("image"));
        Files.createDirectories(folder.resolve("label"));
        List<Piece> pieces = new ArrayList<>();
        for (Region region : regions) {
            for (int[] box : pieces(region)) {
                pieces.add(new Piece(region, box));
            }
        }
        StringBuilder index = new StringBuilder("file,group,split\n");
        int objects = 0;
        int smallest = Integer.MAX_VALUE;
        for (int p = 0; p < pieces.size(); p++) {
            told.accept(p, pieces.size());
            Region region = pieces.get(p).region();
            int[] box = pieces.get(p).box();
            BufferedImage pixels = region.of().image().read(box, downsample(region), channels, region.shape().z(), region.shape().t());
            Painted painted = paint(box, pixels.getWidth(), pixels.getHeight(), region);
            String name = String.format(Locale.ROOT, "region-%03d-%03d.png", region.number(), p + 1);
            String group = images.size() > 1 ? "image-" + (region.image() + 1) : "region-" + region.number();
            save(pixels, folder.resolve("image").resolve(name));
            save(painted.mask, folder.resolve("label").resolve(name));
            index.append(name).append(',').append(group).append(',').append(region.checks() ? "val" : "train").append('\n');
            objects += painted.objects;
            smallest = Math.min(smallest, Math.min(pixels.getWidth(), pixels.getHeight()));
        }
        told.accept(pieces.size(), pieces.size());
        Files.writeString(folder.resolve("index.csv"), index);
        return new Written(images.size(), pieces.size(), objects, smallest);
    }

    private record Piece(Region region, int[] box) {}

    /** Every fifth one checks, the last one at least: an image if there are several, else a region. */
    static boolean checks(int one, int of) {
        return one % 5 == 4 || (of < 5 && one == of - 1);
    }

    /** Larger ones first: where two overlap, the smaller one is the one on top. */
    private List<OpenImage.Labelled> objects(Annotated one) {
        return one.labelled().stream()
                .filter(object -> classes.contains(object.className()))
                .sorted(Comparator.comparingDouble((OpenImage.Labelled object) -> -object.box().getArea()))
                .toList();
    }

    private double downsample(Region region) {
        return mpp / RegionCheck.microns(region, mpp);
    }

    /** Left, top, width, height in image pixels, of about equal pieces. */
    private List<int[]> pieces(Region region) {
        Envelope box = region.shape().box();
        OpenImage image = region.of().image();
        double downsample = downsample(region);
        int x0 = (int) Math.max(0, Math.round(box.getMinX()));
        int y0 = (int) Math.max(0, Math.round(box.getMinY()));
        int x1 = (int) Math.min(image.width(), Math.round(box.getMaxX()));
        int y1 = (int) Math.min(image.height(), Math.round(box.getMaxY()));
        int across = (int) Math.ceil((x1 - x0) / downsample / PIECE);
        int down = (int) Math.ceil((y1 - y0) / downsample / PIECE);
        List<int[]> pieces = new ArrayList<>();
        for (int j = 0; j < down; j++) {
            for (int i = 0; i < across; i++) {
                int left = x0 + (int) ((long) (x1 - x0) * i / across);
                int top = y0 + (int) ((long) (y1 - y0) * j / down);
                int right = x0 + (int) ((long) (x1 - x0) * (i + 1) / across);
                int bottom = y0 + (int) ((long) (y1 - y0) * (j + 1) / down);
                pieces.add(new int[] {left, top, right - left, bottom - top});
            }
        }
        return pieces;
    }

    private record Painted(BufferedImage mask, int objects) {}

    private Painted paint(int[] box, int width, int height, Region region) {
        BufferedImage mask = new BufferedImage(width, height, BufferedImage.TYPE_USHORT_GRAY);
        AffineTransform place = AffineTransform.getScaleInstance((double) width / box[2], (double) height / box[3]);
        place.translate(-box[0], -box[1]);
        Envelope frame = new Envelope(box[0], box[0] + box[2], box[1], box[1] + box[3]);
        BufferedImage one = new BufferedImage(width, height, BufferedImage.TYPE_BYTE_BINARY);
        int number = 0;
        for (OpenImage.Labelled object : objects(region.of())) {
            Envelope extent = object.box();
            if (object.z() != region.shape().z() || object.t() != region.shape().t() || !extent.intersects(frame)) {
                continue;
            }
            number++;
            int level = switch (labels) {
                case INSTANCES -> number;
                case AREA -> 255;
                case CLASSES -> 1 + classes.indexOf(object.className());
            };
            Polygons.fill(one, Polygons.shape(object.outline()).createTransformedShape(place), mask, level);
        }
        return new Painted(labels == Labels.INSTANCES ? mask : Polygons.bytes(mask), number);
    }

    private static void save(BufferedImage picture, Path file) throws IOException {
        if (!ImageIO.write(picture, "png", file.toFile())) {
            throw new IOException("no writer for PNG; " + file + " was not written");
        }
    }
}
