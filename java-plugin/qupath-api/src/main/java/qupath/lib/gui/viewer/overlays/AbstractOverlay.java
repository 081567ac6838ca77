package qupath.lib.gui.viewer.overlays;

import qupath.lib.gui.viewer.OverlayOptions;

/** Signatures only. */
public abstract class AbstractOverlay implements PathOverlay {
    protected AbstractOverlay(OverlayOptions options) {
        throw new AssertionError();
    }

    public boolean isVisible() {
        throw new AssertionError();
    }
}
