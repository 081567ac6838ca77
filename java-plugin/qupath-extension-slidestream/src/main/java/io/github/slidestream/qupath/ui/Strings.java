package io.github.slidestream.qupath.ui;

import java.nio.file.Path;
import java.text.MessageFormat;
import java.util.ResourceBundle;

/** The dialogs' words. */
public final class Strings {
    /** For FXML. */
    public static final ResourceBundle BUNDLE = ResourceBundle.getBundle("io.github.slidestream.qupath.ui.strings");

    private Strings() {}

    /**
     * @param path absolute
     * @return the path, with the user's home as {@code ~}
     */
    static String path(Path path) {
        Path home = Path.of(System.getProperty("user.home"));
        return path.startsWith(home) ? "~/" + home.relativize(path).toString().replace('\\', '/') : path.toString();
    }

    /**
     * @param key in {@code strings.properties}
     * @param values for its places
     * @return the text
     */
    public static String get(String key, Object... values) {
        String text = BUNDLE.getString(key);
        return values.length == 0 ? text : new MessageFormat(text, java.util.Locale.ROOT).format(values);
    }
}
