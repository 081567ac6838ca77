package io.github.slidestream;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Where on a slide to look. */
public final class Area {
    private final Object order;

    private Area(Object order) {
        this.order = order;
    }

    /**
     * Where there is tissue: the default.
     *
     * @return the area
     */
    public static Area tissue() {
        return new Area(Map.of("tissue", Map.of()));
    }

    /**
     * Everywhere.
     *
     * @return the area
     */
    public static Area wholeSlide() {
        return new Area("whole_slide");
    }

    /**
     * Inside a rectangle.
     *
     * @param x left edge, level-0 pixels
     * @param y top edge, level-0 pixels
     * @param width level-0 pixels
     * @param height level-0 pixels
     * @return the area
     * @throws OptionException if it has no width or height
     */
    public static Area rectangle(double x, double y, double width, double height) {
        if (!(width > 0 && height > 0)) {
            throw new OptionException("a rectangle of " + width + " x " + height + " pixels; both must be above 0");
        }
        return polygons(List.of(List.of(new double[] {x, y, x + width, y, x + width, y + height, x, y + height})));
    }

    /**
     * Inside polygons with holes.
     *
     * @param polygons each is its outer ring and its holes; a ring is x and y by turns, level-0 pixels, three points at least
     * @return the area
     * @throws OptionException for no polygon, a ring of fewer points, or a coordinate that is not finite
     */
    public static Area polygons(List<List<double[]>> polygons) {
        if (polygons.isEmpty()) {
            throw new OptionException("no polygon to look inside; Area.wholeSlide() looks everywhere");
        }
        List<Object> all = new ArrayList<>();
        for (List<double[]> polygon : polygons) {
            List<Object> rings = new ArrayList<>();
            for (double[] ring : polygon) {
                if (ring.length < 6 || ring.length % 2 != 0) {
                    throw new OptionException("a ring of " + ring.length + " numbers; it needs x and y of three points at least");
                }
                List<Object> points = new ArrayList<>();
                for (int i = 0; i < ring.length; i += 2) {
                    points.add(new double[] {ring[i], ring[i + 1]});
                }
                rings.add(points);
            }
            all.add(rings);
        }
        return new Area(Map.of("outlines", all));
    }

    Object order() {
        return order;
    }
}
