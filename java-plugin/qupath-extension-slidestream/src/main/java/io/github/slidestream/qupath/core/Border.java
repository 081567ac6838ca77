package io.github.slidestream.qupath.core;

import java.util.ArrayList;
import java.util.List;
import org.locationtech.jts.algorithm.locate.IndexedPointInAreaLocator;
import org.locationtech.jts.algorithm.locate.PointOnGeometryLocator;
import org.locationtech.jts.geom.Coordinate;
import org.locationtech.jts.geom.Geometry;
import org.locationtech.jts.geom.GeometryFactory;
import org.locationtech.jts.geom.LineString;
import org.locationtech.jts.geom.Location;
import org.locationtech.jts.geom.Polygon;
import org.locationtech.jts.geom.prep.PreparedGeometry;
import org.locationtech.jts.geom.prep.PreparedGeometryFactory;
import org.locationtech.jts.operation.overlayng.OverlayNG;
import org.locationtech.jts.operation.overlayng.OverlayNGRobust;

/** The border of a target, prepared for many questions. One thread at a time. */
public final class Border {
    private final Geometry outline;
    private final PointOnGeometryLocator inside;
    private final PreparedGeometry prepared;

    /** @param outline polygons in image pixels */
    public Border(Geometry outline) {
        this.outline = outline.isValid() ? outline : outline.buffer(0);
        this.inside = new IndexedPointInAreaLocator(this.outline);
        this.prepared = PreparedGeometryFactory.prepare(this.outline);
    }

    /**
     * @param x image pixels
     * @param y image pixels
     * @return does the point lie inside or on the border?
     */
    public boolean holds(double x, double y) {
        return inside.locate(new Coordinate(x, y)) != Location.EXTERIOR;
    }

    /**
     * @param shape a polygon
     * @return does it lie inside wholly?
     */
    public boolean covers(Geometry shape) {
        return prepared.covers(shape);
    }

    /**
     * @param shape a polygon
     * @return the part inside: polygons only, perhaps none
     */
    public Geometry cut(Geometry shape) {
        Geometry valid = shape.isValid() ? shape : shape.buffer(0);
        Geometry both = OverlayNGRobust.overlay(outline, valid, OverlayNG.INTERSECTION);
        List<Polygon> polygons = polygons(both);
        GeometryFactory factory = both.getFactory();
        return polygons.size() == 1 ? polygons.get(0) : factory.createMultiPolygon(polygons.toArray(new Polygon[0]));
    }

    /**
     * The outline as rings for the engine.
     *
     * @param dx added to every x
     * @param dy added to every y
     * @return polygons, each its outer ring and its holes
     */
    public List<List<double[]>> rings(double dx, double dy) {
        List<List<double[]>> all = new ArrayList<>();
        for (Polygon polygon : polygons(outline)) {
            List<double[]> rings = new ArrayList<>();
            rings.add(points(polygon.getExteriorRing(), dx, dy));
            for (int i = 0; i < polygon.getNumInteriorRing(); i++) {
                rings.add(points(polygon.getInteriorRingN(i), dx, dy));
            }
            all.add(rings);
        }
        return all;
    }

    private static double[] points(LineString ring, double dx, double dy) {
        double[] xy = new double[2 * (ring.getNumPoints() - 1)];
        for (int i = 0; i < xy.length / 2; i++) {
            xy[2 * i] = ring.getCoordinateN(i).x + dx;
            xy[2 * i + 1] = ring.getCoordinateN(i).y + dy;
        }
        return xy;
    }

    static List<Polygon> polygons(Geometry shape) {
        List<Polygon> polygons = new ArrayList<>();
        for (int i = 0; i < shape.getNumGeometries(); i++) {
            Geometry part = shape.getGeometryN(i);
            if (part instanceof Polygon polygon && !polygon.isEmpty()) {
                polygons.add(polygon);
            } else if (part.getNumGeometries() > 1) {
                polygons.addAll(polygons(part));
            }
        }
        return polygons;
    }
}
