package io.github.slidestream.qupath.core;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Who reads the pixels. The engine reads a file itself only where its pixels are certain to be those that QuPath shows: QuPath's
 * OpenSlide server itself (cropped, rotated and recoloured images are other classes, and report the same file), of the size of
 * level 0 or of the slide's bounds.
 */
public sealed interface SlideRoute {
    /** QuPath's class that reads with OpenSlide. */
    String OPENSLIDE = "qupath.lib.images.servers.openslide.OpenslideImageServer";

    /** @return one line for the result and the log */
    String text();

    /**
     * The engine reads the file.
     *
     * @param file the slide
     * @param x left edge of the image in the file's level 0
     * @param y top edge of the image in the file's level 0
     */
    record File(Path file, int x, int y) implements SlideRoute {
        @Override
        public String text() {
            return x == 0 && y == 0 ? "read from the file" : "read from the file, from " + x + ", " + y + " (the slide's bounds)";
        }
    }

    /**
     * The pixels come from QuPath.
     *
     * @param reason why
     */
    record Host(String reason) implements SlideRoute {
        @Override
        public String text() {
            return "read through QuPath: " + reason;
        }
    }

    /** What the engine says about a file. */
    interface Properties {
        /**
         * @param file a slide
         * @return OpenSlide's properties and {@code level0.width}, {@code level0.height}
         * @throws Exception if it cannot be opened
         */
        Map<String, String> of(Path file) throws Exception;
    }

    /**
     * Decides.
     *
     * @param facts of the server
     * @param properties opens the file to compare sizes
     * @return the route
     */
    static SlideRoute choose(ServerFacts facts, Properties properties) {
        if (!facts.className().equals(OPENSLIDE)) {
            return new Host("the image is opened by " + simple(facts.className()) + ", not by OpenSlide");
        }
        if (facts.uris().size() != 1) {
            return new Host("the image is made of " + facts.uris().size() + " files");
        }
        URI uri = facts.uris().get(0);
        if (!"file".equals(uri.getScheme())) {
            return new Host("the image is at " + uri.getScheme() + ", not in a file");
        }
        if (facts.slices() != 1) {
            return new Host("the image has " + facts.slices() + " planes");
        }
        Path file;
        try {
            file = Path.of(uri).toRealPath();
        } catch (java.io.IOException | RuntimeException error) {
            return new Host("the file of " + uri + " cannot be found");
        }
        if (!Files.isRegularFile(file)) {
            return new Host(file + " is no file");
        }
        Map<String, String> said;
        try {
            said = properties.of(file);
        } catch (Exception error) {
            return new Host("the engine cannot open " + file.getFileName() + " (" + error.getMessage() + ")");
        }
        return compare(facts, file, said);
    }

    private static SlideRoute compare(ServerFacts facts, Path file, Map<String, String> said) {
        Integer bx = whole(said, "openslide.bounds-x");
        Integer by = whole(said, "openslide.bounds-y");
        Integer bw = whole(said, "openslide.bounds-width");
        Integer bh = whole(said, "openslide.bounds-height");
        boolean bounded = bx != null && by != null && bw != null && bh != null;
        boolean inBounds = bounded && facts.width() == bw && facts.height() == bh;
        if (inBounds && !facts.args().contains("--no-crop")) {
            return new File(file, bx, by);
        }
        Integer width = whole(said, "level0.width");
        Integer height = whole(said, "level0.height");
        if (width != null && height != null && facts.width() == width && facts.height() == height) {
            return new File(file, 0, 0);
        }
        return new Host("the image is " + facts.width() + " x " + facts.height() + " and the file " + width + " x " + height
                + (bounded ? " with bounds of " + bw + " x " + bh : ""));
    }

    private static Integer whole(Map<String, String> said, String key) {
        try {
            return Integer.valueOf(said.getOrDefault(key, ""));
        } catch (NumberFormatException none) {
            return null;
        }
    }

    private static String simple(String className) {
        return className.substring(className.lastIndexOf('.') + 1);
    }
}
