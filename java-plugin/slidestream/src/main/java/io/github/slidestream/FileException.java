package io.github.slidestream;

/** The disk, a permission or a missing file. */
public final class FileException extends SlidestreamException {
    private static final long serialVersionUID = 1L;

    /**
     * Thrown by the library.
     *
     * @param message the value, the place and the cure
     */
    public FileException(String message) {
        super(message);
    }
}
