package io.github.slidestream;

/** The model package: unknown, incomplete, changed or not trusted. */
public final class ModelException extends SlidestreamException {
    private static final long serialVersionUID = 1L;

    /**
     * Thrown by the library.
     *
     * @param message the value, the place and the cure
     */
    public ModelException(String message) {
        super(message);
    }
}
