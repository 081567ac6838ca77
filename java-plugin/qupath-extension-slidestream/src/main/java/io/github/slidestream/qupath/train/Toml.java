package io.github.slidestream.qupath.train;

import java.nio.file.Path;
import java.util.Locale;

/** Values as TOML writes them. */
final class Toml {
    private Toml() {}

    static String text(String value) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : value.toCharArray()) {
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else if (c < 0x20 || c == 0x7f) {
                quoted.append(String.format(Locale.ROOT, "\\u%04X", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }

    static String path(Path value) {
        return text(slashes(value));
    }

    /** Windows takes them too, and nothing needs escaping. */
    static String slashes(Path value) {
        return value.toString().replace('\\', '/');
    }

    /** Always with a point or an exponent: TOML tells 1 from 1.0. */
    static String number(double value) {
        return Double.toString(value);
    }
}
