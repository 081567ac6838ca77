package io.github.slidestream.qupath.engine;

import java.util.ArrayList;
import java.util.List;

/** The order to stop. All threads may use it. */
public final class Cancel {
    private final List<Runnable> actions = new ArrayList<>();
    private boolean cancelled;

    /** Stops every job that has it, now and later. */
    public void cancel() {
        List<Runnable> now;
        synchronized (this) {
            cancelled = true;
            now = List.copyOf(actions);
            actions.clear();
        }
        now.forEach(Runnable::run);
    }

    /** @return true ever after {@link #cancel()} */
    public synchronized boolean isCancelled() {
        return cancelled;
    }

    /**
     * Runs the action at the order to stop, at once if it was given already.
     *
     * @param action quick, and harmless when its job is over
     */
    public void onCancel(Runnable action) {
        synchronized (this) {
            if (!cancelled) {
                actions.add(action);
                return;
            }
        }
        action.run();
    }

    /** @throws CancelledException if it was given */
    public void check() throws CancelledException {
        if (isCancelled()) {
            throw new CancelledException();
        }
    }
}
