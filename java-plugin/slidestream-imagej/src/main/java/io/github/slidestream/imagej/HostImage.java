package io.github.slidestream.imagej;

import ij.ImagePlus;
import ij.gui.Roi;
import ij.measure.Calibration;
import ij.process.FloatPolygon;
import io.github.slidestream.Area;
import io.github.slidestream.PixelSource;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.Set;

/** An image of ImageJ, as it is shown now: later changes of it do not reach a run. */
final class HostImage implements PixelSource {
    private static final Set<String> MICRONS = Set.of("µm", "μm", "um", "micron", "microns", "micrometer", "micrometre");

    private final String name;
    private final String identity;
    private final int width;
    private final int height;
    private final int[] pixels;
    private final double microns;

    HostImage(ImagePlus image) {
        this.name = image.getTitle();
        this.width = image.getWidth();
        this.height = image.getHeight();
        this.pixels = (int[]) image.getProcessor().convertToRGB().getPixelsCopy();
        this.microns = microns(image);
        this.identity = name + " " + width + " x " + height + " " + Integer.toHexString(java.util.Arrays.hashCode(pixels));
    }

    /** Micrometres per pixel; not a number if the image does not say so. */
    static double microns(ImagePlus image) {
        Calibration scale = image.getCalibration();
        return MICRONS.contains(scale.getUnit().toLowerCase(Locale.ROOT)) ? scale.pixelWidth : Double.NaN;
    }

    /** The selection, or everywhere. */
    static Area area(ImagePlus image) {
        Roi roi = image.getRoi();
        if (roi == null || !roi.isArea()) {
            return Area.wholeSlide();
        }
        FloatPolygon points = roi.getFloatPolygon();
        double[] ring = new double[2 * points.npoints];
        for (int i = 0; i < points.npoints; i++) {
            ring[2 * i] = points.xpoints[i];
            ring[2 * i + 1] = points.ypoints[i];
        }
        return Area.polygons(List.of(List.of(ring)));
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String identity() {
        return identity;
    }

    @Override
    public List<int[]> levels() {
        return List.of(new int[] {width, height});
    }

    @Override
    public OptionalDouble micronsPerPixel() {
        return Double.isNaN(microns) ? OptionalDouble.empty() : OptionalDouble.of(microns);
    }

    @Override
    public void read(int level, int x, int y, int regionWidth, int regionHeight, ByteBuffer rgb) {
        int[] row = new int[regionWidth];
        for (int line = y; line < y + regionHeight; line++) {
            System.arraycopy(pixels, line * width + x, row, 0, regionWidth);
            PixelSource.putRgb(row, rgb);
        }
    }
}
