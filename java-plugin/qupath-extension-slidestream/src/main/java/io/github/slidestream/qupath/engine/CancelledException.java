package io.github.slidestream.qupath.engine;

/** The user stopped it. */
public class CancelledException extends Exception {
    private static final long serialVersionUID = 1L;

    /** Without a word: whoever stopped it knows. */
    public CancelledException() {
        super("stopped");
    }
}
