package qupath.lib.common;

/** Signatures only. */
public class Version {
    private Version() {
        throw new AssertionError();
    }

    public static Version parse(String version) {
        throw new AssertionError();
    }
}
