package qupath.lib.roi;

import org.locationtech.jts.geom.Geometry;
import qupath.lib.regions.ImagePlane;
import qupath.lib.roi.interfaces.ROI;

/** Signatures only. */
public class GeometryTools {
    private GeometryTools() {
        throw new AssertionError();
    }

    public static ROI geometryToROI(Geometry geometry, ImagePlane plane) {
        throw new AssertionError();
    }
}
