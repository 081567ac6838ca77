package io.github.slidestream.qupath.core;

import io.github.slidestream.qupath.engine.ObjectBatch;
import java.util.ArrayList;
import java.util.List;
import org.locationtech.jts.geom.Coordinate;
import org.locationtech.jts.geom.Geometry;
import org.locationtech.jts.geom.GeometryFactory;
import org.locationtech.jts.geom.LinearRing;
import org.locationtech.jts.geom.PrecisionModel;

/**
 * An object in image pixels.
 *
 * @param rings the outer ring and the holes, x and y by turns, not closed; null if {@code cut} holds its shape
 * @param cut its shape where it was cut at the target's border; null if it was not
 * @param classIndex index into the model's classes
 * @param score mean probability, 0 to 1
 * @param measurements in the model's order
 */
public record FoundObject(double[][] rings, Geometry cut, int classIndex, double score, double[] measurements) {
    /** QuPath's own precision, a hundredth of a pixel: geometries of another are warned of, one by one. */
    private static final GeometryFactory FACTORY = new GeometryFactory(new PrecisionModel(100));

    /**
     * Takes the objects of a batch that belong to a target: single objects if their centre of gravity lies in it, regions cut at
     * its border.
     *
     * @param batch in the source's pixels
     * @param dx added to x for image pixels
     * @param dy added to y for image pixels
     * @param border the target's; null for the whole image
     * @param instances single objects, or else regions
     * @return the objects that remain
     */
    public static List<FoundObject> of(ObjectBatch batch, double dx, double dy, Border border, boolean instances) {
        List<FoundObject> found = new ArrayList<>(batch.size());
        for (int i = 0; i < batch.size(); i++) {
            double x = batch.centroids()[2 * i] + dx;
            double y = batch.centroids()[2 * i + 1] + dy;
            double[][] rings = batch.rings(i, dx, dy);
            double[] values = batch.measurementsOf(i);
            if (border == null || (instances && border.holds(x, y))) {
                found.add(new FoundObject(rings, null, batch.classes()[i], batch.scores()[i], values));
            } else if (!instances) {
                Geometry whole = geometry(rings);
                if (border.covers(whole)) {
                    found.add(new FoundObject(rings, null, batch.classes()[i], batch.scores()[i], values));
                } else {
                    Geometry cut = border.cut(whole);
                    if (!cut.isEmpty()) {
                        found.add(new FoundObject(null, cut, batch.classes()[i], batch.scores()[i], values));
                    }
                }
            }
        }
        return found;
    }

    /** @return its shape, with holes */
    public Geometry geometry() {
        return cut == null ? geometry(rings) : cut;
    }

    /** @return was it cut, so that the engine's measurements are of more than is left? */
    public boolean isCut() {
        return cut != null;
    }

    /** @return area in square pixels, without the holes */
    public double area() {
        if (cut != null) {
            return cut.getArea();
        }
        double area = Math.abs(signedArea(rings[0]));
        for (int hole = 1; hole < rings.length; hole++) {
            area -= Math.abs(signedArea(rings[hole]));
        }
        return area;
    }

    static double signedArea(double[] ring) {
        double twice = 0;
        for (int i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
            twice += ring[j] * ring[i + 1] - ring[i] * ring[j + 1];
        }
        return twice / 2;
    }

    static Geometry geometry(double[][] rings) {
        LinearRing[] holes = new LinearRing[rings.length - 1];
        for (int i = 0; i < holes.length; i++) {
            holes[i] = ring(rings[i + 1]);
        }
        return FACTORY.createPolygon(ring(rings[0]), holes);
    }

    private static LinearRing ring(double[] points) {
        Coordinate[] line = new Coordinate[points.length / 2 + 1];
        for (int i = 0; i < points.length / 2; i++) {
            line[i] = new Coordinate(points[2 * i], points[2 * i + 1]);
            FACTORY.getPrecisionModel().makePrecise(line[i]);
        }
        line[line.length - 1] = line[0].copy();
        return FACTORY.createLinearRing(line);
    }
}
