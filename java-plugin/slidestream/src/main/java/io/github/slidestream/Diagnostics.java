package io.github.slidestream;

/** What to paste into a report about a problem. */
public final class Diagnostics {
    private Diagnostics() {}

    /**
     * The state of the library, engine and devices, of the shared engine. Never throws: what fails is told in its place.
     *
     * @return several lines of text; names no slide, but folders with the user's name
     */
    public static String describe() {
        StringBuilder out = new StringBuilder();
        line(out, "Java", () -> System.getProperty("java.version") + ", " + System.getProperty("java.vendor") + ", "
                + NativeLoader.platform());
        line(out, "native library", Native::buildId);
        line(out, "engine", () -> Engine.shared().program() + (Engine.shared().pid().isPresent() ? ", running" : ", not running"));
        line(out, "devices", () -> Devices.list().stream()
                .map(device -> device.name() + (device.available() ? ": " : " is not available: ") + device.reason())
                .reduce("", (all, one) -> all + "\n  " + one));
        line(out, "models", () -> Models.list().stream()
                .map(model -> model.name() + ": " + model.title())
                .reduce("", (all, one) -> all + "\n  " + one));
        line(out, "log", () -> Engine.shared().log().map(Object::toString).orElse("none yet"));
        return out.toString();
    }

    private interface Fact {
        String get();
    }

    private static void line(StringBuilder out, String name, Fact fact) {
        String text;
        try {
            text = fact.get();
        } catch (RuntimeException | LinkageError error) {
            Throwable cause = error.getCause() != null && error instanceof LinkageError ? error.getCause() : error;
            text = "FAILED: " + cause.getMessage();
        }
        out.append(name).append(": ").append(text).append('\n');
    }
}
