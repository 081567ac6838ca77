package io.github.slidestream.qupath.core;

/**
 * How an image that is not RGB becomes one.
 *
 * @param red index of the channel that is shown to the model as red
 * @param green likewise
 * @param blue likewise
 * @param black value that becomes 0, in all three
 * @param white value that becomes 255
 */
public record Channels(int red, int green, int blue, double black, double white) {
    /** Checks the range. */
    public Channels {
        if (!(white > black)) {
            throw new IllegalArgumentException("white is " + white + " and black " + black + "; white must be the larger one");
        }
        if (red < 0 || green < 0 || blue < 0) {
            throw new IllegalArgumentException("channels " + red + ", " + green + ", " + blue + "; they count from 0");
        }
    }

    /**
     * @param value of a sample
     * @return 0 to 255, rounded
     */
    public int level(double value) {
        double share = (value - black) / (white - black);
        return (int) Math.round(255 * Math.min(1, Math.max(0, share)));
    }
}
