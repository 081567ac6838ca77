package qupath.lib.objects;

import java.util.Collection;
import java.util.Map;
import qupath.lib.measurements.MeasurementList;
import qupath.lib.objects.classes.PathClass;
import qupath.lib.roi.interfaces.ROI;

/** Signatures only. */
public abstract class PathObject {
    protected PathObject() {
        throw new AssertionError();
    }

    public boolean isAnnotation() {
        throw new AssertionError();
    }

    public boolean isDetection() {
        throw new AssertionError();
    }

    public void setLocked(boolean locked) {
        throw new AssertionError();
    }

    public String getDisplayedName() {
        throw new AssertionError();
    }

    public Map<String, String> getMetadata() {
        throw new AssertionError();
    }

    public MeasurementList getMeasurementList() {
        throw new AssertionError();
    }

    public Collection<PathObject> getChildObjects() {
        throw new AssertionError();
    }

    public void addChildObjects(Collection<? extends PathObject> children) {
        throw new AssertionError();
    }

    public void removeChildObjects(Collection<PathObject> children) {
        throw new AssertionError();
    }

    public abstract PathClass getPathClass();

    public abstract ROI getROI();
}
