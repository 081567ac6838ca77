package io.github.slidestream;

/** The device ran out of memory; a smaller batch or tile may help. */
public final class OutOfDeviceMemoryException extends SlidestreamException {
    private static final long serialVersionUID = 1L;

    /**
     * Thrown by the library.
     *
     * @param message the value, the place and the cure
     */
    public OutOfDeviceMemoryException(String message) {
        super(message);
    }
}
