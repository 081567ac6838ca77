package io.github.slidestream;

/** Something went wrong; the subclass says who can mend it, the message names the value, the place and the cure. */
public abstract class SlidestreamException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    SlidestreamException(String message) {
        super(message);
    }

    SlidestreamException(String message, Throwable cause) {
        super(message, cause);
    }
}
