package qupath.lib.roi;

import qupath.lib.regions.ImagePlane;
import qupath.lib.roi.interfaces.ROI;

/** Signatures only. */
public class ROIs {
    private ROIs() {
        throw new AssertionError();
    }

    public static ROI createPolygonROI(double[] x, double[] y, ImagePlane plane) {
        throw new AssertionError();
    }

    public static ROI createRectangleROI(double x, double y, double width, double height, ImagePlane plane) {
        throw new AssertionError();
    }
}
