package io.github.slidestream.qupath.train;

import com.google.gson.Gson;
import com.google.gson.JsonSyntaxException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the extension needs of a package's {@code model.toml} or of a pre-training's {@code config.toml}: single values and lists
 * of numbers. It reads files that slidestream wrote; the engine checks them in full.
 */
public final class PackageFile {
    private final Path file;
    private final Map<String, String> values = new LinkedHashMap<>();
    private final Map<String, StringBuilder> tables = new LinkedHashMap<>();
    private final Map<String, Integer> lists = new LinkedHashMap<>();

    private PackageFile(Path file) {
        this.file = file;
    }

    /**
     * @param file a {@code model.toml} or {@code config.toml}
     * @return its values
     * @throws IOException if it cannot be read
     */
    public static PackageFile read(Path file) throws IOException {
        PackageFile read = new PackageFile(file);
        String table = "";
        String open = null;
        StringBuilder value = new StringBuilder();
        for (String line : Files.readAllLines(file)) {
            String text = line.strip();
            if (open == null && text.startsWith("[") && !text.startsWith("[[")) {
                table = text.substring(1, text.lastIndexOf(']')) + ".";
                read.tables.put(table, new StringBuilder());
                continue;
            }
            if (open == null && text.startsWith("[[")) {
                table = text + ".";
                read.lists.merge(text.substring(2, text.lastIndexOf("]]")), 1, Integer::sum);
                continue;
            }
            if (read.tables.containsKey(table) && !text.isEmpty()) {
                read.tables.get(table).append(line).append('\n');
            }
            int sign = text.indexOf('=');
            if (open == null && sign > 0 && !text.startsWith("#")) {
                open = table + text.substring(0, sign).strip();
                value.setLength(0);
                value.append(text.substring(sign + 1).strip());
            } else if (open != null) {
                value.append(text);
            }
            String whole = value.toString();
            if (open != null && (!whole.startsWith("[") || whole.endsWith("]"))) {
                read.values.put(open, whole);
                open = null;
            }
        }
        return read;
    }

    /**
     * @param key with its table: {@code input.mpp}
     * @return the number
     * @throws IOException if there is none, naming file and key
     */
    public double number(String key) throws IOException {
        String text = values.get(key);
        try {
            return Double.parseDouble(text == null ? "" : text);
        } catch (NumberFormatException error) {
            throw new IOException(file + ": `" + key + "` is " + (text == null ? "missing" : text) + ", a number is needed");
        }
    }

    /**
     * @param key with its table
     * @return the text; empty if there is none
     */
    public Optional<String> text(String key) {
        String text = values.get(key);
        if (text == null || !text.startsWith("\"")) {
            return Optional.empty();
        }
        try {
            return Optional.of(new Gson().fromJson(text, String.class));
        } catch (JsonSyntaxException error) {
            return Optional.empty();
        }
    }

    /**
     * @param key with its table: {@code input.range}
     * @return the list as it stands there
     * @throws IOException if there is none, naming file and key
     */
    public List<?> list(String key) throws IOException {
        String text = values.get(key);
        if (text == null || !text.startsWith("[")) {
            throw new IOException(file + ": `" + key + "` is missing");
        }
        return new Gson().fromJson(text.replaceAll(",\\s*]", "]"), List.class);
    }

    /**
     * @param name of a table: {@code postprocessing}
     * @return its lines as they are; empty if there is no such table
     */
    public String table(String name) {
        StringBuilder lines = tables.get(name + ".");
        return lines == null ? "" : lines.toString();
    }

    /**
     * @param name of a list of tables: {@code classes}
     * @return how many there are
     */
    public int count(String name) {
        return lists.getOrDefault(name, 0);
    }
}
