package io.github.slidestream;

import java.io.File;
import java.lang.ref.Cleaner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The engine: a child process that does all work, so that a crash costs a job and not this JVM. It is started by the first
 * job, serves several jobs at once, keeps models loaded, and ends when it was idle for a while or when the JVM ends. If it
 * dies, running jobs fail with {@link EngineException} and the next one starts a fresh process.
 *
 * <p>Most programs use {@link #shared()} without knowing it. The program {@code slidestream} is the one that
 * {@code -Dslidestream.engine} or the variable {@code SLIDESTREAM_ENGINE} names (the file or its folder), or else
 * {@code ~/.local/share/slidestream/engine/slidestream}, where {@link EngineInstaller} puts it, or the first on the
 * {@code PATH}.
 */
public final class Engine implements AutoCloseable {
    private static final Cleaner CLEANER = Cleaner.create();

    private final Path program;
    private final Handle handle;
    private final Cleaner.Cleanable cleanable;

    private Engine(Path program, Map<String, Object> options) {
        this.program = program;
        this.handle = new Handle(Native.openEngine(Json.write(options)));
        this.cleanable = CLEANER.register(this, handle);
    }

    /** Holds no reference to the engine, so that it can be collected. */
    private record Handle(long value) implements Runnable {
        @Override
        public void run() {
            Native.closeEngine(value);
        }
    }

    private static final class Shared {
        static final Engine ENGINE = builder().build();
    }

    /**
     * The engine of all calls that name none.
     *
     * @return the one engine of this class loader; never closed
     * @throws EngineException if no program {@code slidestream} is found
     * @throws NativeLibraryException if the native library cannot be loaded
     */
    public static Engine shared() {
        try {
            return Shared.ENGINE;
        } catch (ExceptionInInitializerError error) {
            throw unwrap(error);
        } catch (NoClassDefFoundError error) {
            // It failed before; find out why once more.
            return builder().build();
        }
    }

    private static RuntimeException unwrap(ExceptionInInitializerError error) {
        Throwable cause = error.getCause();
        while (cause instanceof ExceptionInInitializerError inner && inner.getCause() != null) {
            cause = inner.getCause();
        }
        if (cause instanceof RuntimeException exception) {
            return exception;
        }
        return new NativeLibraryException("the native library could not be loaded: " + cause, cause);
    }

    /**
     * For an engine of other settings than the shared one's.
     *
     * @return a builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /** Settings of an engine; what is not set is as usual. */
    public static final class Builder {
        private final Map<String, Object> options = new LinkedHashMap<>();
        private Path program;

        private Builder() {}

        /**
         * The program {@code slidestream}.
         *
         * @param program the file, or the folder that it lies in
         * @return this
         */
        public Builder program(Path program) {
            this.program = program;
            return this;
        }

        /**
         * Folder for the engine's logs, of which the newest ten are kept; by default
         * {@code ~/.local/state/slidestream}.
         *
         * @param folder the folder
         * @return this
         */
        public Builder logs(Path folder) {
            options.put("logs", folder.toAbsolutePath().toString());
            return this;
        }

        /**
         * Time that an engine gets to start; a minute by default.
         *
         * @param time above 0
         * @return this
         */
        public Builder startWithin(Duration time) {
            options.put("start_within_s", time.toMillis() / 1000.0);
            return this;
        }

        /**
         * An engine that answers nothing for so long is killed; 30 s by default.
         *
         * @param time above 0
         * @return this
         */
        public Builder silence(Duration time) {
            options.put("silence_s", time.toMillis() / 1000.0);
            return this;
        }

        /**
         * An engine without a job for so long is ended, and all its memory comes free; five minutes by default.
         *
         * @param time above 0
         * @return this
         */
        public Builder idle(Duration time) {
            options.put("idle_s", time.toMillis() / 1000.0);
            return this;
        }

        /**
         * An engine with these settings, which starts with its first job.
         *
         * @return the engine; to be closed
         * @throws EngineException if no program {@code slidestream} is found
         * @throws NativeLibraryException if the native library cannot be loaded
         * @throws IllegalStateException for a time of 0 or less
         */
        public Engine build() {
            Path found = inFolder(program == null ? find() : program).toAbsolutePath();
            options.put("program", found.toString());
            try {
                return new Engine(found, options);
            } catch (ExceptionInInitializerError error) {
                throw unwrap(error);
            } catch (NoClassDefFoundError error) {
                throw new NativeLibraryException("the native library could not be loaded; the first error says why", error);
            }
        }
    }

    private static Path find() {
        String named = System.getProperty("slidestream.engine", System.getenv("SLIDESTREAM_ENGINE"));
        if (named != null && !named.isBlank()) {
            return Path.of(named);
        }
        List<Path> places = new ArrayList<>();
        places.add(EngineInstaller.usualPlace().resolve("slidestream"));
        for (String folder : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator)) {
            if (!folder.isBlank()) {
                places.add(Path.of(folder, "slidestream"));
            }
        }
        for (Path place : places) {
            if (Files.isExecutable(place) && !Files.isDirectory(place)) {
                return place;
            }
        }
        throw new EngineException("no program `slidestream` was found: neither -Dslidestream.engine nor SLIDESTREAM_ENGINE is "
                + "set, and it is neither " + places.get(0) + " nor on the PATH; install it (EngineInstaller, or Install engine... "
                + "in QuPath) or name it");
    }

    /** A folder stands for the program in it. */
    private static Path inFolder(Path program) {
        return Files.isDirectory(program) ? program.resolve("slidestream") : program;
    }

    /**
     * The program that is or will be started.
     *
     * @return its absolute path
     */
    public Path program() {
        return program;
    }

    /**
     * The process id of the running engine.
     *
     * @return empty if none is running
     */
    public OptionalLong pid() {
        Object pid = Json.object(Json.parse(Native.engineState(handle.value))).get("pid");
        return pid == null ? OptionalLong.empty() : OptionalLong.of((long) Json.number(pid));
    }

    /**
     * The log of the engine that runs or ran last.
     *
     * @return empty before the first job
     */
    public Optional<Path> log() {
        Object log = Json.object(Json.parse(Native.engineState(handle.value))).get("log");
        return Optional.ofNullable(log).map(path -> Path.of(path.toString()));
    }

    /**
     * Stops all jobs and ends the process, which gives back all its memory. The next job starts another one. Takes up to some
     * seconds.
     */
    public void end() {
        Native.endEngine(handle.value);
    }

    /** Ends the engine for good: later jobs fail with {@link IllegalStateException}. Takes up to some seconds. */
    @Override
    public void close() {
        cleanable.clean();
    }

    long handle() {
        return handle.value;
    }
}
