package io.github.slidestream.qupath.core;

import io.github.slidestream.qupath.engine.Device;
import java.util.Locale;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * Everything that decides a run's result, as the workflow records it.
 *
 * @param model name or folder of the package, with forward slashes
 * @param where which part of the image
 * @param output what becomes of the objects
 * @param device as {@link Device#name()}, or {@code auto}
 * @param threads of one forward pass; 0 for as many as there are cores
 * @param tile edge of a tile at the model's resolution; the model's own if absent
 * @param halo context around a tile's core, likewise
 * @param channels for an image that is not RGB; else null
 * @param fluorescence allow an RGB image of type fluorescence
 * @param throughQuPath let QuPath read the pixels even where the engine could
 */
public record SegmentSettings(
        String model,
        Where where,
        Output output,
        String device,
        int threads,
        OptionalInt tile,
        OptionalInt halo,
        Channels channels,
        boolean fluorescence,
        boolean throughQuPath) {
    /** Checks what does not depend on an image. */
    public SegmentSettings {
        Objects.requireNonNull(where);
        Objects.requireNonNull(output);
        if (model == null || model.isBlank()) {
            throw new IllegalArgumentException("no model; .model(\"NAME\") names one");
        }
        if (threads < 0) {
            throw new IllegalArgumentException("threads(" + threads + "): 0 takes as many as there are cores, else 1 or more");
        }
        if (tile.isPresent() && (tile.getAsInt() < 64 || tile.getAsInt() > 8192)) {
            throw new IllegalArgumentException("tile(" + tile.getAsInt() + "): from 64 to 8192 pixels at the model's resolution");
        }
        if (halo.isPresent() && halo.getAsInt() < 0) {
            throw new IllegalArgumentException("halo(" + halo.getAsInt() + "): 0 or more pixels at the model's resolution");
        }
    }

    /** @return a chained call that does the same again, pasted into a Groovy script of QuPath */
    public String script() {
        StringBuilder text = new StringBuilder("io.github.slidestream.qupath.Segment.builder()");
        text.append("\n    .model(").append(quote(model)).append(')');
        text.append("\n    .where(").append(quote(where.word())).append(')');
        text.append("\n    .output(").append(quote(output.word())).append(')');
        if (!device.equals(Device.AUTO)) {
            text.append("\n    .device(").append(quote(device)).append(')');
        }
        if (threads != 0) {
            text.append("\n    .threads(").append(threads).append(')');
        }
        tile.ifPresent(pixels -> text.append("\n    .tile(").append(pixels).append(')'));
        halo.ifPresent(pixels -> text.append("\n    .halo(").append(pixels).append(')'));
        if (channels != null) {
            text.append(String.format(Locale.ROOT, "\n    .channels(%d, %d, %d, %s, %s)", channels.red(), channels.green(),
                    channels.blue(), channels.black(), channels.white()));
        }
        if (fluorescence) {
            text.append("\n    .fluorescence(true)");
        }
        if (throughQuPath) {
            text.append("\n    .throughQuPath(true)");
        }
        return text.append("\n    .build()\n    .run()").toString();
    }

    /**
     * A Groovy string in single quotes: nothing in it is evaluated.
     *
     * @param text any
     * @return it, quoted
     */
    public static String quote(String text) {
        StringBuilder quoted = new StringBuilder("'");
        for (char c : text.toCharArray()) {
            switch (c) {
                case '\\' -> quoted.append("\\\\");
                case '\'' -> quoted.append("\\'");
                case '\n' -> quoted.append("\\n");
                case '\r' -> quoted.append("\\r");
                default -> quoted.append(c);
            }
        }
        return quoted.append('\'').toString();
    }
}
