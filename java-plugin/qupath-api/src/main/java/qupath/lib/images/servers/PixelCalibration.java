package qupath.lib.images.servers;

/** Signatures only. */
public class PixelCalibration {
    private PixelCalibration() {
        throw new AssertionError();
    }

    public boolean hasPixelSizeMicrons() {
        throw new AssertionError();
    }

    public double getPixelWidthMicrons() {
        throw new AssertionError();
    }

    public double getPixelHeightMicrons() {
        throw new AssertionError();
    }
}
