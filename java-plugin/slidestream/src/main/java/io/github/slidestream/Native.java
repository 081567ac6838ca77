package io.github.slidestream;

import java.nio.ByteBuffer;

/** The native methods; {@code jni-bindings} implements them, and refuses to bind to a class that declares others. */
final class Native {
    /** How many methods the library has bound. */
    static final int BOUND;

    static {
        NativeLoader.load();
        BOUND = bind();
    }

    private Native() {}

    private static native int bind();

    /** Of which sources the library was built. */
    static native String buildId();

    /** The exception of each kind of failure, as a JSON object. */
    static native String kinds();

    /** A handle of an engine that is not started before its first job. */
    static native long openEngine(String options);

    /** {@code {"pid": ..., "log": ...}}. */
    static native String engineState(long engine);

    /** Stops all jobs and ends the process; the next job starts another one. */
    static native void endEngine(long engine);

    /** Ends the engine for good. */
    static native void closeEngine(long engine);

    /** Handles that are open. */
    static native int handles();

    /** Unpacks an engine's archive to a folder. */
    static native void install(String archive, String place, InstallWatch watch);

    /** Panics, for the test that a panic becomes an exception. */
    static native void panic(String message);

    /** A handle of a job that has begun. */
    static native long beginJob(long engine, String order);

    /** Hands events to the listener on this thread until the job's end, which is the answer, as JSON. */
    static native String pump(long job, JobListener listener);

    static native void cancelJob(long job);

    static native void closeJob(long job);

    /** Answers {@link JobListener#pixels} with RGB8 from the start of a direct buffer. */
    static native void answer(
            long job, int slot, int level, int x, int y, int width, int height, ByteBuffer rgb);

    /** Answers {@link JobListener#pixels} with why there are none. */
    static native void refuse(long job, int slot, String reason);
}
