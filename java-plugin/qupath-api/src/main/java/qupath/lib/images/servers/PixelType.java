package qupath.lib.images.servers;

/** Signatures only. */
public enum PixelType {
    /** 8 bits. */
    UINT8;

    public boolean isFloatingPoint() {
        throw new AssertionError();
    }

    public Number getUpperBound() {
        throw new AssertionError();
    }
}
