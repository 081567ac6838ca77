package qupath.lib.objects.hierarchy.events;

/** Signatures only. */
public class PathObjectHierarchyEvent {
    private PathObjectHierarchyEvent() {
        throw new AssertionError();
    }
}
