package io.github.slidestream.qupath.engine;

/**
 * Objects as arrays. Coordinates are level-0 pixels, x to the right and y down; a pixel covers [x, x+1).
 *
 * @param firstRings number of each object's first ring, and the number of rings; the first ring of an object is its outer one,
 *     the others are holes
 * @param firstPoints number of each ring's first point, and the number of points
 * @param xy x and y of each point by turns; rings are not closed
 * @param classes index into {@link LoadedModel#classes()} of each object
 * @param scores mean probability of each object's pixels, 0 to 1
 * @param centroids x and y of each object's centre of gravity by turns
 * @param measurements each object's values one after the other, as many as {@link LoadedModel#measurements()}
 */
public record ObjectBatch(
        int[] firstRings,
        int[] firstPoints,
        double[] xy,
        int[] classes,
        float[] scores,
        double[] centroids,
        double[] measurements) {
    /** @return number of objects */
    public int size() {
        return classes.length;
    }

    /**
     * @param object number of the object
     * @return its rings, x and y by turns, shifted
     * @param dx added to every x
     * @param dy added to every y
     */
    public double[][] rings(int object, double dx, double dy) {
        double[][] rings = new double[firstRings[object + 1] - firstRings[object]][];
        for (int r = 0; r < rings.length; r++) {
            int ring = firstRings[object] + r;
            int from = 2 * firstPoints[ring];
            double[] points = new double[2 * firstPoints[ring + 1] - from];
            for (int i = 0; i < points.length; i += 2) {
                points[i] = xy[from + i] + dx;
                points[i + 1] = xy[from + i + 1] + dy;
            }
            rings[r] = points;
        }
        return rings;
    }

    /**
     * @param object number of the object
     * @return its measurements
     */
    public double[] measurementsOf(int object) {
        int each = classes.length == 0 ? 0 : measurements.length / classes.length;
        double[] values = new double[each];
        System.arraycopy(measurements, object * each, values, 0, each);
        return values;
    }
}
