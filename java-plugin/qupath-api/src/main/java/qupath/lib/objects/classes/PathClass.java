package qupath.lib.objects.classes;

/** Signatures only. */
public final class PathClass {
    /** No class. */
    public static final PathClass NULL_CLASS = new PathClass();

    private PathClass() {
        throw new AssertionError();
    }

    public static PathClass fromString(String name) {
        throw new AssertionError();
    }

    public static PathClass fromString(String name, Integer color) {
        throw new AssertionError();
    }

    public Integer getColor() {
        throw new AssertionError();
    }

    @Override
    public String toString() {
        throw new AssertionError();
    }
}
