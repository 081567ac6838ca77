package qupath.lib.objects.hierarchy;

import java.util.Collection;
import qupath.lib.objects.PathObject;
import qupath.lib.objects.hierarchy.events.PathObjectHierarchyListener;
import qupath.lib.objects.hierarchy.events.PathObjectSelectionModel;

/** Signatures only. */
public final class PathObjectHierarchy {
    private PathObjectHierarchy() {
        throw new AssertionError();
    }

    public PathObject getRootObject() {
        throw new AssertionError();
    }

    public TMAGrid getTMAGrid() {
        throw new AssertionError();
    }

    public PathObjectSelectionModel getSelectionModel() {
        throw new AssertionError();
    }

    public Collection<PathObject> getAnnotationObjects() {
        throw new AssertionError();
    }

    public Collection<PathObject> getDetectionObjects() {
        throw new AssertionError();
    }

    public void addListener(PathObjectHierarchyListener listener) {
        throw new AssertionError();
    }

    public void removeListener(PathObjectHierarchyListener listener) {
        throw new AssertionError();
    }

    public void fireHierarchyChangedEvent(Object source) {
        throw new AssertionError();
    }

    public void fireHierarchyChangedEvent(Object source, PathObject parent) {
        throw new AssertionError();
    }

    public void fireObjectMeasurementsChangedEvent(Object source, Collection<? extends PathObject> objects) {
        throw new AssertionError();
    }
}
