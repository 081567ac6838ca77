package io.github.slidestream.qupath.core;

/** Where a run stands. */
public enum RunState {
    /** Nothing runs, nothing has run. */
    IDLE,
    /** It runs. */
    RUNNING,
    /** It was told to stop and has not yet. */
    STOPPING,
    /** It ended well. */
    DONE,
    /** It ended because it was told to. */
    STOPPED,
    /** It ended with an error. */
    FAILED;

    /** @return does something run? */
    public boolean isBusy() {
        return this == RUNNING || this == STOPPING;
    }

    /**
     * @param next where it is to go
     * @return may it?
     */
    public boolean mayBecome(RunState next) {
        return switch (next) {
            case IDLE -> false;
            case RUNNING -> !isBusy();
            case STOPPING -> this == RUNNING;
            case DONE, FAILED -> isBusy();
            case STOPPED -> this == STOPPING;
        };
    }
}
