package io.github.slidestream.qupath.engine;

/** Something failed; the message names the value, the place and the cure and is shown as it is. */
public class EngineException extends Exception {
    private static final long serialVersionUID = 1L;

    /**
     * @param message value, place and cure
     * @param cause what it comes from; may be null
     */
    public EngineException(String message, Throwable cause) {
        super(message, cause);
    }

    /** @param message value, place and cure */
    public EngineException(String message) {
        super(message);
    }
}
