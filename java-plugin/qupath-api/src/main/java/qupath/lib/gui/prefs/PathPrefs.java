package qupath.lib.gui.prefs;

import javafx.beans.property.IntegerProperty;
import javafx.beans.property.StringProperty;

/** Signatures only. */
public class PathPrefs {
    private PathPrefs() {
        throw new AssertionError();
    }

    public static IntegerProperty createPersistentPreference(String name, int defaultValue) {
        throw new AssertionError();
    }

    public static StringProperty createPersistentPreference(String name, String defaultValue) {
        throw new AssertionError();
    }
}
