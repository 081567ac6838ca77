package io.github.slidestream.qupath.train;

import io.github.slidestream.qupath.core.OpenImage;
import io.github.slidestream.qupath.core.PixelSize;
import java.util.Locale;
import org.locationtech.jts.geom.Envelope;
import org.locationtech.jts.geom.Geometry;

/** Whether a region can be learnt from. */
final class RegionCheck {
    /** Narrower regions, in pixels of the model, hold too little. */
    static final int SMALLEST = 96;

    private RegionCheck() {}

    /** Micrometres per pixel of a region's image. */
    static double microns(TrainingSet.Region region, double mpp) {
        return size(region.of().image(), mpp).microns();
    }

    private static PixelSize size(OpenImage image, double mpp) {
        return new PixelSize(image.micronsAcross(), image.micronsDown(), mpp);
    }

    /** Why it cannot, with the cure; null if it can. */
    static String refusal(TrainingSet.Region region, boolean several, String regionClass, double mpp) {
        String of = several ? region.of().image().name() + ": " : "";
        String size = size(region.of().image(), mpp).refusal().orElse(null);
        if (size != null) {
            return of + size;
        }
        if (!region.of().image().isRgb()) {
            return of + "The image is not RGB; models are fine-tuned on RGB images.";
        }
        Geometry outline = region.shape().outline();
        Envelope box = region.shape().box();
        if (Math.abs(outline.getArea() - box.getArea()) > 0.01 * box.getArea()) {
            return of + "Region " + region.number() + " of class " + regionClass
                    + " is no rectangle. Draw training regions with the rectangle tool.";
        }
        double microns = microns(region, mpp);
        if (Math.min(box.getWidth(), box.getHeight()) * microns / mpp < SMALLEST) {
            return of + String.format(Locale.ROOT,
                    "Region %d of class %s is %.0f x %.0f µm; %.0f µm are needed on each side. Draw it larger.",
                    region.number(), regionClass, box.getWidth() * microns, box.getHeight() * microns, SMALLEST * mpp);
        }
        return null;
    }
}
