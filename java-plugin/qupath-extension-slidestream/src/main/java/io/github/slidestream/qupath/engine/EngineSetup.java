package io.github.slidestream.qupath.engine;

import java.nio.file.Path;
import java.util.function.Consumer;

/** Puts the program that computes on this computer. */
public interface EngineSetup {
    /**
     * Where it goes.
     *
     * @return a folder; may be absent
     */
    Path place();

    /**
     * The archive's usual address for this version and platform.
     *
     * @return an address of https
     */
    String usualAddress();

    /**
     * Downloads if need be, checks and unpacks; an engine that was there stays until the new one is complete.
     *
     * @param source an address of http or https, or the path of a file
     * @param sha256 the archive's sum; blank for the one beside the address, or for none with a file
     * @param progress is told bytes, with what is being done as the text
     * @param cancel stops it; what was downloaded stays for the next time
     * @return the program
     * @throws EngineException if it cannot be had or is not sound; names value, place and cure
     * @throws CancelledException if it was stopped
     */
    Path install(String source, String sha256, Consumer<Listener.Progress> progress, Cancel cancel)
            throws EngineException, CancelledException;
}
