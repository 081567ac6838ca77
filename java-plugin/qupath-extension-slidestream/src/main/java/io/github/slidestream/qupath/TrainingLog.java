package io.github.slidestream.qupath;

import io.github.slidestream.qupath.train.FineTuneRun;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How a training goes, in QuPath's log; the engine's notes tell of each epoch. */
final class TrainingLog implements FineTuneRun.Watcher {
    private final Logger log;

    TrainingLog(Class<?> of) {
        log = LoggerFactory.getLogger(of);
    }

    @Override
    public void phase(String text) {
        log.info("{}", text);
    }

    @Override
    public void note(String text) {
        log.info("{}", text);
    }
}
