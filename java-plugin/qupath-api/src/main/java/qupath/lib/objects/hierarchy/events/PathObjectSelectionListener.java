package qupath.lib.objects.hierarchy.events;

import java.util.Collection;
import java.util.EventListener;
import qupath.lib.objects.PathObject;

/** Signatures only. */
public interface PathObjectSelectionListener extends EventListener {
    void selectedPathObjectChanged(PathObject selected, PathObject before, Collection<PathObject> all);
}
