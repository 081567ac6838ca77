package qupath.lib.regions;

/** Signatures only. */
public class ImageRegion {
    ImageRegion() {
        throw new AssertionError();
    }

    public int getX() {
        throw new AssertionError();
    }

    public int getY() {
        throw new AssertionError();
    }

    public int getWidth() {
        throw new AssertionError();
    }

    public int getHeight() {
        throw new AssertionError();
    }
}
