package io.github.slidestream;

/** A defect of this library or of one that it uses; please report it. */
public final class InternalException extends SlidestreamException {
    private static final long serialVersionUID = 1L;

    /**
     * Thrown by the library.
     *
     * @param message the value, the place and the cure
     */
    public InternalException(String message) {
        super(message);
    }
}
