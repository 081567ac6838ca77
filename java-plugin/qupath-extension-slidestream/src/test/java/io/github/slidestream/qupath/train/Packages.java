package io.github.slidestream.qupath.train;

/** A package's description, for tests elsewhere. */
public final class Packages {
    /** As slidestream writes it. */
    public static final String MODEL = TrainRunTest.MODEL;

    private Packages() {}
}
