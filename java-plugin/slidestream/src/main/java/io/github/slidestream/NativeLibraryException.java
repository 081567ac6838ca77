package io.github.slidestream;

/** The native library cannot be loaded on this computer; the message says why and what to do. */
public final class NativeLibraryException extends SlidestreamException {
    private static final long serialVersionUID = 1L;

    NativeLibraryException(String message) {
        super(message);
    }

    NativeLibraryException(String message, Throwable cause) {
        super(message, cause);
    }
}
