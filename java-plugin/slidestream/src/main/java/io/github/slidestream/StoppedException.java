package io.github.slidestream;

/** The job was stopped on request. Files are whole or absent. */
public final class StoppedException extends SlidestreamException {
    private static final long serialVersionUID = 1L;

    /**
     * Thrown by the library.
     *
     * @param message the value, the place and the cure
     */
    public StoppedException(String message) {
        super(message);
    }
}
