package qupath.lib.regions;

/** Signatures only. */
public class RegionRequest extends ImageRegion {
    private RegionRequest() {
        throw new AssertionError();
    }

    public static RegionRequest createInstance(
            String path, double downsample, int x, int y, int width, int height, int z, int t) {
        throw new AssertionError();
    }
}
