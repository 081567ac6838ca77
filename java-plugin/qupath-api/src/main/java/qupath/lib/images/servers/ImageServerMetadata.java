package qupath.lib.images.servers;

/** Signatures only. */
public class ImageServerMetadata {
    private ImageServerMetadata() {
        throw new AssertionError();
    }

    public String getName() {
        throw new AssertionError();
    }
}
