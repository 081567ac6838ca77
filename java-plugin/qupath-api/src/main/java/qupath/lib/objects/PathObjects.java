package qupath.lib.objects;

import qupath.lib.objects.classes.PathClass;
import qupath.lib.roi.interfaces.ROI;

/** Signatures only. */
public class PathObjects {
    private PathObjects() {
        throw new AssertionError();
    }

    public static PathObject createDetectionObject(ROI roi, PathClass pathClass) {
        throw new AssertionError();
    }

    public static PathObject createAnnotationObject(ROI roi, PathClass pathClass) {
        throw new AssertionError();
    }
}
