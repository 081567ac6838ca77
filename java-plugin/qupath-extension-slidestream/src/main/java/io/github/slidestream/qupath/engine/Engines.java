package io.github.slidestream.qupath.engine;

import java.nio.file.Path;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;

/** Finds the engine that the jar carries. Nothing is loaded before the first question. */
public final class Engines {
    /** Where the extension is built without an engine. */
    static final String NONE = "This jar carries no engine. Install qupath-extension-slidestream-VERSION.jar from the release page "
            + "instead of a jar that was built without it, and restart QuPath.";

    private static Engine chosen;
    private static Path program;

    private Engines() {}

    /** Makes an engine known to the service loader. */
    public interface Provider {
        /**
         * Makes it ready.
         *
         * @param program the program {@code slidestream}; null for the usual places
         * @return the engine
         * @throws EngineException if its native part cannot be loaded here
         */
        Engine open(Path program) throws EngineException;

        /**
         * Installs the program that it needs.
         *
         * @return null if it needs none
         */
        default EngineSetup setup() {
            return null;
        }
    }

    /**
     * The engine, the same one each time. A failure is not remembered: the next call tries again.
     *
     * @return the engine
     * @throws EngineException if there is none, or its native part cannot be loaded on this computer
     */
    public static synchronized Engine get() throws EngineException {
        if (chosen == null) {
            chosen = open(ServiceLoader.load(Provider.class, Engines.class.getClassLoader()), program);
        }
        return chosen;
    }

    static Engine open(Iterable<Provider> providers, Path program) throws EngineException {
        try {
            for (Provider provider : providers) {
                return provider.open(program);
            }
        } catch (ServiceConfigurationError | LinkageError error) {
            Throwable cause = error.getCause() == null ? error : error.getCause();
            throw new EngineException("The engine cannot be loaded: " + cause.getMessage()
                    + ". Reinstall the extension; if that does not help, copy this message into a report.", error);
        }
        throw new EngineException(NONE);
    }

    /**
     * What puts the engine's program on this computer.
     *
     * @return null if the jar carries no engine that needs one
     */
    public static EngineSetup setup() {
        for (Provider provider : ServiceLoader.load(Provider.class, Engines.class.getClassLoader())) {
            return provider.setup();
        }
        return null;
    }

    /**
     * Names the program {@code slidestream}, for engines that are not open yet.
     *
     * @param file the program; null for the usual places
     */
    public static synchronized void program(Path file) {
        program = file;
    }

    /**
     * Takes another engine from now on; for programs that bring their own.
     *
     * @param engine null for the jar's own
     */
    public static synchronized void use(Engine engine) {
        chosen = engine;
    }
}
