package io.github.slidestream;

/**
 * How far a job is.
 *
 * @param done tiles or training steps done
 * @param total of how many
 * @param perSecond tiles or steps a second so far
 * @param secondsLeft estimate of the time left, seconds; infinite before the first tile
 * @param text more for people, such as the loss; may be empty
 */
public record Progress(long done, long total, double perSecond, double secondsLeft, String text) {
    /**
     * The share that is done.
     *
     * @return from 0 to 1; 1 if there is nothing to do
     */
    public double share() {
        return total == 0 ? 1 : (double) done / total;
    }
}
