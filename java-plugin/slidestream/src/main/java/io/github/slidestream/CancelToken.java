package io.github.slidestream;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The order to stop jobs. One token may be given to several; all threads may use it. */
public final class CancelToken {
    private final Set<Runnable> actions = new LinkedHashSet<>();
    private boolean cancelled;

    /** A token that has not been cancelled. */
    public CancelToken() {}

    /** Stops every job that has the token, now and later: they end with {@link StoppedException}, within a second or so. */
    public void cancel() {
        List<Runnable> now;
        synchronized (this) {
            cancelled = true;
            now = new ArrayList<>(actions);
            actions.clear();
        }
        now.forEach(Runnable::run);
    }

    /**
     * Has it been cancelled?
     *
     * @return true ever after {@link #cancel()}
     */
    public synchronized boolean isCancelled() {
        return cancelled;
    }

    /** Runs the action at the order to stop, at once if it was given already. */
    void onCancel(Runnable action) {
        synchronized (this) {
            if (!cancelled) {
                actions.add(action);
                return;
            }
        }
        action.run();
    }

    synchronized void forget(Runnable action) {
        actions.remove(action);
    }

    synchronized int watchers() {
        return actions.size();
    }
}
