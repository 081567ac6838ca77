package io.github.slidestream;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.UUID;

/**
 * Objects as arrays: one array for each property of all objects, coordinates of all rings one after the other. Objects are
 * numbered from 0 within the batch. Coordinates are level-0 pixels of the image, x to the right and y down; a pixel covers
 * [x, x+1). Not to be changed by users; the arrays of {@link #xy()} and its siblings are the batch's own, for speed.
 */
public final class ObjectBatch {
    private final long[] ids;
    private final double[] centroids;
    private final double[] measurements;
    private final double[] xy;
    private final int[] classes;
    private final float[] scores;
    private final int[] firstRings;
    private final int[] firstPoints;

    /** Copies the packed form that {@code src/engine/batch.rs} describes. */
    ObjectBatch(ByteBuffer packed) {
        ByteBuffer in = packed.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        int objects = in.getInt();
        int rings = in.getInt();
        int points = in.getInt();
        int each = in.getInt();
        ids = new long[2 * objects];
        in.asLongBuffer().get(ids);
        in.position(in.position() + 8 * ids.length);
        centroids = doubles(in, 2 * objects);
        measurements = doubles(in, Math.multiplyExact(each, objects));
        xy = doubles(in, 2 * points);
        classes = ints(in, objects);
        scores = new float[objects];
        in.asFloatBuffer().get(scores);
        in.position(in.position() + 4 * objects);
        firstRings = ints(in, objects + 1);
        firstPoints = ints(in, rings + 1);
        if (in.hasRemaining()) {
            throw new IllegalArgumentException(in.remaining() + " bytes too many in a batch");
        }
    }

    private static double[] doubles(ByteBuffer in, int count) {
        double[] values = new double[count];
        in.asDoubleBuffer().get(values);
        in.position(in.position() + 8 * count);
        return values;
    }

    private static int[] ints(ByteBuffer in, int count) {
        int[] values = new int[count];
        in.asIntBuffer().get(values);
        in.position(in.position() + 4 * count);
        return values;
    }

    /**
     * Number of objects.
     *
     * @return 0 or more
     */
    public int size() {
        return classes.length;
    }

    /**
     * The same for the same image, model and outline.
     *
     * @param object number of the object
     * @return its id
     */
    public UUID id(int object) {
        return new UUID(ids[2 * object], ids[2 * object + 1]);
    }

    /**
     * Which class an object has.
     *
     * @param object number of the object
     * @return index into {@link Model#classes()}
     */
    public int classOf(int object) {
        return classes[object];
    }

    /**
     * How sure the model is.
     *
     * @param object number of the object
     * @return mean probability of the object's pixels, 0 to 1
     */
    public float score(int object) {
        return scores[object];
    }

    /**
     * Centre of gravity, across.
     *
     * @param object number of the object
     * @return x, level-0 pixels
     */
    public double centroidX(int object) {
        return centroids[2 * object];
    }

    /**
     * Centre of gravity, down.
     *
     * @param object number of the object
     * @return y, level-0 pixels
     */
    public double centroidY(int object) {
        return centroids[2 * object + 1];
    }

    /**
     * A measurement of an object.
     *
     * @param object number of the object
     * @param measurement index into {@link Model#measurements()}, whose names have the units
     * @return not a number where it cannot be computed
     */
    public double measurement(int object, int measurement) {
        int each = measurementCount();
        if (measurement < 0 || measurement >= each) {
            throw new IndexOutOfBoundsException("measurement " + measurement + " of " + each);
        }
        return measurements[each * object + measurement];
    }

    /**
     * How many measurements each object has.
     *
     * @return the same for all objects
     */
    public int measurementCount() {
        return size() == 0 ? 0 : measurements.length / size();
    }

    /**
     * Rings of an object: the outer one and its holes.
     *
     * @param object number of the object
     * @return how many; at least 1
     */
    public int ringCount(int object) {
        return firstRings[object + 1] - firstRings[object];
    }

    /**
     * The points of one ring.
     *
     * @param object number of the object
     * @param ring 0 for the outer ring, which runs clockwise on the screen; from 1 for holes, which run the other way
     * @return x and y by turns, level-0 pixels; the first point is not repeated
     */
    public double[] ring(int object, int ring) {
        if (ring < 0 || ring >= ringCount(object)) {
            throw new IndexOutOfBoundsException("ring " + ring + " of " + ringCount(object));
        }
        int number = firstRings[object] + ring;
        return Arrays.copyOfRange(xy, 2 * firstPoints[number], 2 * firstPoints[number + 1]);
    }

    /**
     * Points of all rings, without a copy.
     *
     * @return x and y by turns, level-0 pixels
     */
    public double[] xy() {
        return xy;
    }

    /**
     * Where rings begin in {@link #xy()}, without a copy.
     *
     * @return number of each ring's first point, and the number of points
     */
    public int[] firstPoints() {
        return firstPoints;
    }

    /**
     * Where objects begin in {@link #firstPoints()}, without a copy.
     *
     * @return number of each object's first ring, and the number of rings
     */
    public int[] firstRings() {
        return firstRings;
    }
}
