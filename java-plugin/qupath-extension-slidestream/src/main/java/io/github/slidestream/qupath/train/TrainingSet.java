package io.github.slidestream.qupath.train;

import io.github.slidestream.qupath.core.Channels;
import io.github.slidestream.qupath.core.OpenImage;
import io.github.slidestream.qupath.core.PixelSize;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import javax.imageio.ImageIO;
import org.locationtech.jts.geom.Coordinate;
import org.locationtech.jts.geom.Envelope;
import org.locationtech.jts.geom.Geometry;
import org.locationtech.jts.geom.LineString;
import org.locationtech.jts.geom.Polygon;

/**
 * Training images cut from annotated regions: {@code image/} with RGB, {@code label/} with an own number for each object (16 bit)
 * or 255 for regions, {@code index.csv} with the split. All at the model's resolution.
 */
public final class TrainingSet {
    /** Narrower regions hold too little to learn from. */
    static final int SMALLEST = 96;

    /** Wider regions are cut into pieces of this edge. */
    static final int PIECE = 1024;

    private final OpenImage image;
    private final Channels channels;
    private final String regionClass;
    private final Set<String> objectClasses;
    private final boolean instances;
    private final double mpp;

    /**
     * @param image with the annotations
     * @param channels for an image that is not RGB, else null
     * @param regionClass class of the rectangles within which everything is annotated
     * @param objectClasses classes of the objects; everything else is background
     * @param instances objects each with its own number, or else regions
     * @param mpp of the model, micrometres per pixel
     */
    public TrainingSet(
            OpenImage image, Channels channels, String regionClass, Set<String> objectClasses, boolean instances, double mpp) {
        this.image = image;
        this.channels = channels;
        this.regionClass = regionClass;
        this.objectClasses = Set.copyOf(objectClasses);
        this.instances = instances;
        this.mpp = mpp;
    }

    /**
     * What there is to learn from.
     *
     * @param regions number of training regions
     * @param objects number of objects whose centre lies in one
     * @param refusal why it cannot be learnt from, with the cure; null if it can
     */
    public record Survey(int regions, int objects, String refusal) {}

    /** @return what there is to learn from */
    public Survey survey() {
        List<OpenImage.Labelled> regions = regions();
        List<OpenImage.Labelled> objects = objects();
        int inside = 0;
        for (OpenImage.Labelled object : objects) {
            inside += regions.stream().anyMatch(region -> holds(region, object)) ? 1 : 0;
        }
        return new Survey(regions.size(), inside, refusal(regions, inside));
    }

    private String refusal(List<OpenImage.Labelled> regions, int inside) {
        String size = new PixelSize(image.micronsAcross(), image.micronsDown(), mpp).refusal().orElse(null);
        if (size != null) {
            return size;
        }
        if (objectClasses.isEmpty()) {
            return "Tick the classes of the objects that the model shall find.";
        }
        if (regions.size() < 2) {
            return String.format(Locale.ROOT,
                    "There %s of class %s; two are needed at least: one to learn from, one to check on. Draw rectangles, give them "
                            + "that class, and annotate every object in them.",
                    regions.isEmpty() ? "is no region" : "is 1 region", regionClass);
        }
        for (int i = 0; i < regions.size(); i++) {
            Geometry outline = regions.get(i).outline();
            Envelope box = regions.get(i).box();
            if (Math.abs(outline.getArea() - box.getArea()) > 0.01 * box.getArea()) {
                return "Region " + (i + 1) + " of class " + regionClass + " is no rectangle. Draw training regions with the rectangle tool.";
            }
            if (Math.min(box.getWidth(), box.getHeight()) / downsample() < SMALLEST) {
                return String.format(Locale.ROOT,
                        "Region %d of class %s is %.0f x %.0f µm; %.0f µm are needed on each side. Draw it larger.",
                        i + 1, regionClass, box.getWidth() * microns(), box.getHeight() * microns(), SMALLEST * mpp);
            }
        }
        return inside == 0
                ? "No object of the ticked classes lies in a region of class " + regionClass + ". Annotate every object in the regions."
                : null;
    }

    /** What was written. */
    public record Written(int images, int objects, int smallestSide) {}

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
        List<OpenImage.Labelled> regions = regions();
        List<int[]> pieces = new ArrayList<>();
        for (int i = 0; i < regions.size(); i++) {
            for (int[] box : pieces(regions.get(i).box())) {
                pieces.add(new int[] {i, box[0], box[1], box[2], box[3]});
            }
        }
        StringBuilder index = new StringBuilder("file,group,split\n");
        int objects = 0;
        int smallest = Integer.MAX_VALUE;
        for (int p = 0; p < pieces.size(); p++) {
            told.accept(p, pieces.size());
            int[] piece = pieces.get(p);
            OpenImage.Labelled region = regions.get(piece[0]);
            int[] box = {piece[1], piece[2], piece[3], piece[4]};
            BufferedImage pixels = image.read(box, downsample(), channels, region.z(), region.t());
            Painted painted = paint(box, pixels.getWidth(), pixels.getHeight(), region);
            String name = String.format(Locale.ROOT, "region-%03d-%03d.png", piece[0] + 1, p + 1);
            save(pixels, folder.resolve("image").resolve(name));
            save(painted.mask, folder.resolve("label").resolve(name));
            index.append(name).append(",region-").append(piece[0] + 1).append(',').append(split(piece[0], regions.size())).append('\n');
            objects += painted.objects;
            smallest = Math.min(smallest, Math.min(pixels.getWidth(), pixels.getHeight()));
        }
        told.accept(pieces.size(), pieces.size());
        Files.writeString(folder.resolve("index.csv"), index);
        return new Written(pieces.size(), objects, smallest);
    }

    /** Every fifth region checks, the last one at least. */
    static String split(int region, int regions) {
        return region % 5 == 4 || (regions < 5 && region == regions - 1) ? "val" : "train";
    }

    private List<OpenImage.Labelled> regions() {
        return image.labelled().stream().filter(one -> one.className().equals(regionClass)).toList();
    }

    private List<OpenImage.Labelled> objects() {
        return image.labelled().stream()
                .filter(one -> objectClasses.contains(one.className()) && !one.className().equals(regionClass))
                .toList();
    }

    private static boolean holds(OpenImage.Labelled region, OpenImage.Labelled object) {
        Coordinate centre = object.box().centre();
        return region.z() == object.z() && region.t() == object.t() && region.box().contains(centre);
    }

    private double microns() {
        return new PixelSize(image.micronsAcross(), image.micronsDown(), mpp).microns();
    }

    private double downsample() {
        return mpp / microns();
    }

    /** Left, top, width, height in image pixels, of about equal pieces. */
    private List<int[]> pieces(Envelope box) {
        int x0 = (int) Math.max(0, Math.round(box.getMinX()));
        int y0 = (int) Math.max(0, Math.round(box.getMinY()));
        int x1 = (int) Math.min(image.width(), Math.round(box.getMaxX()));
        int y1 = (int) Math.min(image.height(), Math.round(box.getMaxY()));
        int across = (int) Math.ceil((x1 - x0) / downsample() / PIECE);
        int down = (int) Math.ceil((y1 - y0) / downsample() / PIECE);
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

    private Painted paint(int[] box, int width, int height, OpenImage.Labelled region) {
        BufferedImage mask = new BufferedImage(width, height, BufferedImage.TYPE_USHORT_GRAY);
        AffineTransform place = AffineTransform.getScaleInstance((double) width / box[2], (double) height / box[3]);
        place.translate(-box[0], -box[1]);
        Envelope frame = new Envelope(box[0], box[0] + box[2], box[1], box[1] + box[3]);
        BufferedImage one = new BufferedImage(width, height, BufferedImage.TYPE_BYTE_BINARY);
        short number = 0;
        for (OpenImage.Labelled object : objects()) {
            Envelope extent = object.box();
            if (object.z() != region.z() || object.t() != region.t() || !extent.intersects(frame)) {
                continue;
            }
            number++;
            fill(one, shape(object.outline()).createTransformedShape(place), mask, instances ? number : (short) 255);
        }
        return new Painted(instances ? mask : bytes(mask), number);
    }

    /** Sets the pixels whose centre lies in the shape: rendered alone first, since a grey level drawn by colour is not exact. */
    private static void fill(BufferedImage scratch, java.awt.Shape shape, BufferedImage mask, short value) {
        java.awt.Rectangle box = shape.getBounds();
        box.grow(1, 1);
        box = box.intersection(new java.awt.Rectangle(mask.getWidth(), mask.getHeight()));
        if (box.isEmpty()) {
            return;
        }
        Graphics2D graphics = scratch.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
        graphics.setStroke(new BasicStroke(0));
        graphics.setColor(Color.BLACK);
        graphics.fill(box);
        graphics.setColor(Color.WHITE);
        graphics.fill(shape);
        graphics.dispose();
        for (int y = box.y; y < box.y + box.height; y++) {
            for (int x = box.x; x < box.x + box.width; x++) {
                if (scratch.getRaster().getSample(x, y, 0) != 0) {
                    mask.getRaster().setSample(x, y, 0, value);
                }
            }
        }
    }

    private static BufferedImage bytes(BufferedImage mask) {
        BufferedImage small = new BufferedImage(mask.getWidth(), mask.getHeight(), BufferedImage.TYPE_BYTE_GRAY);
        for (int y = 0; y < mask.getHeight(); y++) {
            for (int x = 0; x < mask.getWidth(); x++) {
                small.getRaster().setSample(x, y, 0, mask.getRaster().getSample(x, y, 0));
            }
        }
        return small;
    }

    private static Path2D shape(Geometry outline) {
        Path2D path = new Path2D.Double(Path2D.WIND_EVEN_ODD);
        for (int i = 0; i < outline.getNumGeometries(); i++) {
            if (outline.getGeometryN(i) instanceof Polygon polygon) {
                trace(path, polygon.getExteriorRing());
                for (int hole = 0; hole < polygon.getNumInteriorRing(); hole++) {
                    trace(path, polygon.getInteriorRingN(hole));
                }
            }
        }
        return path;
    }

    private static void trace(Path2D path, LineString ring) {
        Coordinate[] points = ring.getCoordinates();
        path.moveTo(points[0].x, points[0].y);
        for (int i = 1; i < points.length; i++) {
            path.lineTo(points[i].x, points[i].y);
        }
        path.closePath();
    }

    private static void save(BufferedImage picture, Path file) throws IOException {
        if (!ImageIO.write(picture, "png", file.toFile())) {
            throw new IOException("no writer for PNG; " + file + " was not written");
        }
    }
}
