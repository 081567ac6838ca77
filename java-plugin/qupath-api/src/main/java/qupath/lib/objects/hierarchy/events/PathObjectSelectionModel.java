package qupath.lib.objects.hierarchy.events;

import java.util.Set;
import qupath.lib.objects.PathObject;

/** Signatures only. */
public class PathObjectSelectionModel {
    private PathObjectSelectionModel() {
        throw new AssertionError();
    }

    public Set<PathObject> getSelectedObjects() {
        throw new AssertionError();
    }

    public void addPathObjectSelectionListener(PathObjectSelectionListener listener) {
        throw new AssertionError();
    }

    public void removePathObjectSelectionListener(PathObjectSelectionListener listener) {
        throw new AssertionError();
    }
}
