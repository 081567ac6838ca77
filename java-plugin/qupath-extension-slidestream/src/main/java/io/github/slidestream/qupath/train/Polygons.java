package io.github.slidestream.qupath.train;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import org.locationtech.jts.geom.Coordinate;
import org.locationtech.jts.geom.Geometry;
import org.locationtech.jts.geom.LineString;
import org.locationtech.jts.geom.Polygon;

/** Polygons as pixels of a mask. */
final class Polygons {
    private Polygons() {}

    /** Sets the pixels whose centre lies in the shape: rendered alone first, since a grey level drawn by colour is not exact. */
    static void fill(BufferedImage scratch, java.awt.Shape shape, BufferedImage mask, int value) {
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

    /** The same levels in 8 bits. */
    static BufferedImage bytes(BufferedImage mask) {
        BufferedImage small = new BufferedImage(mask.getWidth(), mask.getHeight(), BufferedImage.TYPE_BYTE_GRAY);
        for (int y = 0; y < mask.getHeight(); y++) {
            for (int x = 0; x < mask.getWidth(); x++) {
                small.getRaster().setSample(x, y, 0, mask.getRaster().getSample(x, y, 0));
            }
        }
        return small;
    }

    /** Outlines with their holes, filled by parity. */
    static Path2D shape(Geometry outline) {
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
}
