package io.github.slidestream.qupath.engine;

/**
 * A device that there is or could be.
 *
 * @param name {@code cpu}, {@code cuda:0}; {@code cuda} if there is none
 * @param available can it be used?
 * @param reason how it computes there, or why it cannot be used
 */
public record Device(String name, boolean available, String reason) {
    /** Lets the engine choose. */
    public static final String AUTO = "auto";
}
