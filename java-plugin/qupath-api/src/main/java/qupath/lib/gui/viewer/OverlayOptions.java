package qupath.lib.gui.viewer;

/** Signatures only. */
public class OverlayOptions {
    private OverlayOptions() {
        throw new AssertionError();
    }
}
