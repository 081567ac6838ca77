package io.github.slidestream;

/**
 * Is told how a job goes on, on the job's own daemon thread: slow methods slow the job down. What a method throws ends the
 * job and comes out of it.
 */
public interface RunListener {
    /** Does nothing. */
    RunListener NONE = new RunListener() {};

    /**
     * How far the job is, a few times a second.
     *
     * @param progress the newest state
     */
    default void progress(Progress progress) {}

    /**
     * Something that the user should know.
     *
     * @param text one line
     */
    default void note(String text) {}

    /**
     * Objects that are final; each comes once.
     *
     * @param batch the objects; may be kept
     */
    default void objects(ObjectBatch batch) {}
}
