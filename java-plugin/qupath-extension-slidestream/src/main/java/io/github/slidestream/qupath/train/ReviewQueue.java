package io.github.slidestream.qupath.train;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Squares of an image in the order in which a look at them helps most: those whose objects the model is least sure of. An
 * object's doubt is 1 at a probability of one half and 0 at 0 and 1; a square's is the mean of its objects'.
 */
public final class ReviewQueue {
    /** A square with fewer objects says little. */
    public static final int FEWEST = 3;

    private final List<Square> squares;
    private final Set<Square> done = new HashSet<>();
    private Square current;

    /**
     * An object that a model found.
     *
     * @param x centre in image pixels
     * @param y centre in image pixels
     * @param probability mean over its pixels, 0 to 1
     */
    public record Seen(double x, double y, double probability) {}

    /**
     * A square.
     *
     * @param x left edge in image pixels
     * @param y top edge
     * @param side in image pixels
     * @param objects how many lie in it
     * @param doubt mean of theirs, 0 to 1
     */
    public record Square(double x, double y, double side, int objects, double doubt) {}

    /**
     * @param objects that a model found
     * @param side of a square in image pixels
     */
    public ReviewQueue(List<Seen> objects, double side) {
        if (!(side > 0)) {
            throw new IllegalArgumentException("side " + side + "; squares need one above 0");
        }
        record Place(long column, long row) {}
        Map<Place, double[]> sums = new HashMap<>();
        for (Seen seen : objects) {
            Place place = new Place((long) Math.floor(seen.x() / side), (long) Math.floor(seen.y() / side));
            double[] sum = sums.computeIfAbsent(place, none -> new double[2]);
            sum[0]++;
            sum[1] += 1 - Math.abs(2 * seen.probability() - 1);
        }
        squares = new ArrayList<>();
        sums.forEach((place, sum) -> {
            if (sum[0] >= FEWEST) {
                squares.add(new Square(place.column() * side, place.row() * side, side, (int) sum[0], sum[1] / sum[0]));
            }
        });
        squares.sort(Comparator.comparingDouble(Square::doubt).reversed().thenComparing(Square::y).thenComparing(Square::x));
    }

    /** @return the most doubtful square that has not been looked at, which counts as looked at from now on; null at the end */
    public Square next() {
        current = squares.stream().filter(square -> !done.contains(square)).findFirst().orElse(null);
        if (current != null) {
            done.add(current);
        }
        return current;
    }

    /** @return how many have been looked at */
    public int seen() {
        return done.size();
    }

    /** @return how many there are */
    public int size() {
        return squares.size();
    }
}
