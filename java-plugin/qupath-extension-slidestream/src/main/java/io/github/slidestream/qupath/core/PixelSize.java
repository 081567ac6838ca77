package io.github.slidestream.qupath.core;

import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The pixel size of an image beside that of a model, micrometres per pixel.
 *
 * @param across of the image
 * @param down of the image
 * @param model of the model
 */
public record PixelSize(OptionalDouble across, OptionalDouble down, double model) {
    /** Beyond this ratio of width to height pixels are refused. */
    static final double SQUARE = 1.05;

    /** Images coarser than the model by more than this are refused: there is no detail to enlarge. */
    static final double COARSEST = 2;

    /** @return why the image cannot be segmented; empty if it can */
    public Optional<String> refusal() {
        if (across.isEmpty() || down.isEmpty()) {
            return Optional.of("QuPath does not know the pixel size. Set it in the Image tab: double-click \"Pixel width\".");
        }
        double ratio = Math.max(across.getAsDouble(), down.getAsDouble()) / Math.min(across.getAsDouble(), down.getAsDouble());
        if (!(ratio <= SQUARE)) {
            return Optional.of(String.format(Locale.ROOT,
                    "Pixels are %.4g µm wide and %.4g µm high; the model needs square ones. Correct the pixel size in the Image tab.",
                    across.getAsDouble(), down.getAsDouble()));
        }
        if (model > 0 && microns() > COARSEST * model) {
            return Optional.of(String.format(Locale.ROOT,
                    "The image has %.3g µm per pixel and the model needs %.3g: it is too coarse. Take an image with more detail or "
                            + "another model, or correct the pixel size in the Image tab.",
                    microns(), model));
        }
        return Optional.empty();
    }

    /** @return one line for the dialog */
    public String text() {
        if (across.isEmpty() || down.isEmpty()) {
            return model > 0 ? String.format(Locale.ROOT, "The model looks at %s µm per pixel.", digits(model)) : "";
        }
        if (!(model > 0)) {
            return String.format(Locale.ROOT, "The image has %s µm per pixel.", digits(microns()));
        }
        double factor = model / microns();
        String how = factor > 1.005
                ? String.format(Locale.ROOT, "reduced %.2f times", factor)
                : factor < 0.995 ? String.format(Locale.ROOT, "enlarged %.2f times", 1 / factor) : "taken as it is";
        return String.format(Locale.ROOT, "The image has %s µm per pixel, the model looks at %s: %s.", digits(microns()), digits(model), how);
    }

    /** Three digits after the point at most, and no zeros at the end. */
    private static String digits(double value) {
        return java.math.BigDecimal.valueOf(value).setScale(3, java.math.RoundingMode.HALF_UP).stripTrailingZeros().toPlainString();
    }

    /** @return the root of the pixel's area */
    public double microns() {
        return Math.sqrt(across.getAsDouble() * down.getAsDouble());
    }
}
