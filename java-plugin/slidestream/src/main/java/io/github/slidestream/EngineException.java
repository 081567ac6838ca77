package io.github.slidestream;

/** The engine process did not start, died or hung. The message names its log; the next call starts a fresh one. */
public final class EngineException extends SlidestreamException {
    private static final long serialVersionUID = 1L;

    /**
     * Thrown by the library.
     *
     * @param message the value, the place and the cure
     */
    public EngineException(String message) {
        super(message);
    }
}
