package io.github.slidestream;

/** The image or the training data: damaged, of an unknown format, or without a property that is needed. */
public final class ImageException extends SlidestreamException {
    private static final long serialVersionUID = 1L;

    /**
     * Thrown by the library.
     *
     * @param message the value, the place and the cure
     */
    public ImageException(String message) {
        super(message);
    }
}
