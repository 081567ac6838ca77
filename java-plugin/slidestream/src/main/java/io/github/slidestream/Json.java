package io.github.slidestream;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** As much of JSON as the messages to and from the native library need; this library has no dependency. */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** Maps, lists, strings, doubles (numbers), booleans and null. */
    static Object parse(String text) {
        Json json = new Json(text);
        Object value = json.value();
        json.space();
        if (json.at < text.length()) {
            throw json.odd("the end");
        }
        return value;
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> object(Object value) {
        return (Map<String, Object>) value;
    }

    @SuppressWarnings("unchecked")
    static List<Object> list(Object value) {
        return (List<Object>) value;
    }

    static double number(Object value) {
        return ((Number) value).doubleValue();
    }

    static int whole(Object value) {
        return ((Number) value).intValue();
    }

    private Object value() {
        space();
        switch (peek()) {
            case '{':
                Map<String, Object> map = new LinkedHashMap<>();
                at++;
                for (boolean first = true; !ends('}', first); first = false) {
                    space();
                    String name = string();
                    space();
                    expect(':');
                    map.put(name, value());
                }
                return map;
            case '[':
                List<Object> list = new ArrayList<>();
                at++;
                for (boolean first = true; !ends(']', first); first = false) {
                    list.add(value());
                }
                return list;
            case '"':
                return string();
            case 't':
                return word("true", true);
            case 'f':
                return word("false", false);
            case 'n':
                return word("null", null);
            default:
                int start = at;
                while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
                    at++;
                }
                try {
                    return Double.valueOf(text.substring(start, at));
                } catch (NumberFormatException error) {
                    at = start;
                    throw odd("a value");
                }
        }
    }

    private boolean ends(char end, boolean first) {
        space();
        if (peek() == end) {
            at++;
            return true;
        }
        if (!first) {
            expect(',');
        }
        return false;
    }

    private String string() {
        expect('"');
        StringBuilder out = new StringBuilder();
        while (true) {
            char c = peek();
            at++;
            if (c == '"') {
                return out.toString();
            }
            if (c != '\\') {
                out.append(c);
                continue;
            }
            char escaped = peek();
            at++;
            switch (escaped) {
                case 'n' -> out.append('\n');
                case 't' -> out.append('\t');
                case 'r' -> out.append('\r');
                case 'b' -> out.append('\b');
                case 'f' -> out.append('\f');
                case 'u' -> {
                    if (at + 4 > text.length()) {
                        throw odd("four digits");
                    }
                    out.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
                    at += 4;
                }
                default -> out.append(escaped);
            }
        }
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw odd(word);
        }
        at += word.length();
        return value;
    }

    private void expect(char c) {
        if (peek() != c) {
            throw odd("`" + c + "`");
        }
        at++;
    }

    private char peek() {
        if (at >= text.length()) {
            throw odd("more");
        }
        return text.charAt(at);
    }

    private void space() {
        while (at < text.length() && text.charAt(at) <= ' ') {
            at++;
        }
    }

    private IllegalArgumentException odd(String expected) {
        return new IllegalArgumentException("JSON: " + expected + " expected at character " + at);
    }

    /** The value as text: maps, lists, arrays of doubles, strings, numbers, booleans and null. */
    static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value == null || value instanceof Boolean) {
            out.append(value);
        } else if (value instanceof Number number) {
            number(number, out);
        } else if (value instanceof Map<?, ?> map) {
            out.append('{');
            map.forEach((name, entry) -> {
                out.append(out.charAt(out.length() - 1) == '{' ? "" : ",");
                quote(name.toString(), out);
                out.append(':');
                write(entry, out);
            });
            out.append('}');
        } else if (value instanceof List<?> list) {
            out.append('[');
            for (int i = 0; i < list.size(); i++) {
                out.append(i == 0 ? "" : ",");
                write(list.get(i), out);
            }
            out.append(']');
        } else if (value instanceof double[] array) {
            out.append('[');
            for (int i = 0; i < array.length; i++) {
                out.append(i == 0 ? "" : ",");
                number(array[i], out);
            }
            out.append(']');
        } else {
            quote(value.toString(), out);
        }
    }

    private static void number(Number number, StringBuilder out) {
        double value = number.doubleValue();
        if (!Double.isFinite(value)) {
            throw new OptionException("the number " + value + " cannot be used as an option or coordinate; it must be finite");
        }
        out.append(number instanceof Integer || number instanceof Long || value != Math.rint(value) || Math.abs(value) > 1e15
                ? number.toString()
                : Long.toString((long) value));
    }

    private static void quote(String value, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ' || Character.isSurrogate(c)) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }
}
