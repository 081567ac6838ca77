package io.github.slidestream.qupath.engine;

import java.nio.file.Path;

/**
 * A training run.
 *
 * @param configuration the run's TOML file
 * @param out folder that everything is written to
 * @param from package or run to start from, name or folder; null for what the configuration says
 * @param device as {@link Device#name()}, or {@code auto}
 * @param threads 0 for one a core
 */
public record TrainJob(Path configuration, Path out, String from, String device, int threads) {}
