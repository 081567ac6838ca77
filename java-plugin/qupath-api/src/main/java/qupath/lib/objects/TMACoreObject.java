package qupath.lib.objects;

import qupath.lib.objects.classes.PathClass;
import qupath.lib.roi.interfaces.ROI;

/** Signatures only. */
public class TMACoreObject extends PathObject {
    private TMACoreObject() {
        throw new AssertionError();
    }

    public boolean isMissing() {
        throw new AssertionError();
    }

    @Override
    public PathClass getPathClass() {
        throw new AssertionError();
    }

    @Override
    public ROI getROI() {
        throw new AssertionError();
    }
}
