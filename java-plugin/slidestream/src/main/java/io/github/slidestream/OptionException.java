package io.github.slidestream;

/** An option or a configuration has a value that cannot be used. */
public final class OptionException extends SlidestreamException {
    private static final long serialVersionUID = 1L;

    /**
     * Thrown by the library.
     *
     * @param message the value, the place and the cure
     */
    public OptionException(String message) {
        super(message);
    }
}
