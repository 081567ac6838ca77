package io.github.slidestream.qupath.train;

import java.nio.file.Path;

/** Where things go that nobody has said a place for. */
public final class Folders {
    private static final Path HOME = Path.of(System.getProperty("user.home"), ".local", "share", "slidestream");
    /** The user's model packages. */
    public static final Path MODELS = HOME.resolve("models");
    /** Files of training runs. */
    public static final Path RUNS = HOME.resolve("runs");

    private Folders() {}
}
