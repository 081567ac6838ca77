package io.github.slidestream;

import org.locationtech.jts.geom.Coordinate;
import org.locationtech.jts.geom.GeometryFactory;
import org.locationtech.jts.geom.LinearRing;
import org.locationtech.jts.geom.Polygon;

/**
 * Objects as geometries of JTS ({@code org.locationtech.jts:jts-core}), which a program that uses this class must have on its
 * class path; the library itself does not need it.
 */
public final class JtsGeometries {
    private JtsGeometries() {}

    /**
     * The outline of one object with its holes.
     *
     * @param batch the objects
     * @param object number of the object
     * @param factory makes the geometry
     * @return a polygon in level-0 pixels, y down
     */
    public static Polygon polygon(ObjectBatch batch, int object, GeometryFactory factory) {
        LinearRing shell = ring(batch.ring(object, 0), factory);
        LinearRing[] holes = new LinearRing[batch.ringCount(object) - 1];
        for (int hole = 0; hole < holes.length; hole++) {
            holes[hole] = ring(batch.ring(object, hole + 1), factory);
        }
        return factory.createPolygon(shell, holes);
    }

    /**
     * The outlines of all objects.
     *
     * @param batch the objects
     * @param factory makes the geometries
     * @return one polygon for each object, in level-0 pixels, y down
     */
    public static Polygon[] polygons(ObjectBatch batch, GeometryFactory factory) {
        Polygon[] polygons = new Polygon[batch.size()];
        for (int object = 0; object < polygons.length; object++) {
            polygons[object] = polygon(batch, object, factory);
        }
        return polygons;
    }

    private static LinearRing ring(double[] xy, GeometryFactory factory) {
        Coordinate[] points = new Coordinate[xy.length / 2 + 1];
        for (int i = 0; i < points.length; i++) {
            int at = 2 * i % xy.length;
            points[i] = new Coordinate(xy[at], xy[at + 1]);
        }
        return factory.createLinearRing(points);
    }
}
