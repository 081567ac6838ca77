package qupath.lib.images.servers;

/** Signatures only. */
public class ImageChannel {
    private ImageChannel() {
        throw new AssertionError();
    }

    public String getName() {
        throw new AssertionError();
    }
}
