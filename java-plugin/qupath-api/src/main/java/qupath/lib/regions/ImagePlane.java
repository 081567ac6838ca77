package qupath.lib.regions;

/** Signatures only. */
public class ImagePlane {
    private ImagePlane() {
        throw new AssertionError();
    }

    public static ImagePlane getDefaultPlane() {
        throw new AssertionError();
    }

    public static ImagePlane getPlane(int z, int t) {
        throw new AssertionError();
    }
}
