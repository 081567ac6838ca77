package qupath.lib.objects.hierarchy.events;

import java.util.EventListener;

/** Signatures only. */
public interface PathObjectHierarchyListener extends EventListener {
    void hierarchyChanged(PathObjectHierarchyEvent event);
}
