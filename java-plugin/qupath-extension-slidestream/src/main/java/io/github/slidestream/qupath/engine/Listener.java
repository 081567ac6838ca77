package io.github.slidestream.qupath.engine;

/** Is told how a job goes on, on the job's own thread. */
public interface Listener {
    /**
     * How far it is, a few times a second.
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
     * @param batch may be kept
     */
    default void objects(ObjectBatch batch) {}

    /**
     * How far a job is.
     *
     * @param done tiles or training steps done
     * @param total of how many; 0 if not known yet
     * @param perSecond tiles or steps a second so far
     * @param secondsLeft estimate; infinite or NaN if not known yet
     * @param text more for people, such as the loss; may be empty
     */
    record Progress(long done, long total, double perSecond, double secondsLeft, String text) {}
}
