package qupath.lib.gui.panes;

import org.controlsfx.control.PropertySheet;

/** Signatures only. */
public class PreferencePane {
    private PreferencePane() {
        throw new AssertionError();
    }

    public PropertySheet getPropertySheet() {
        throw new AssertionError();
    }
}
