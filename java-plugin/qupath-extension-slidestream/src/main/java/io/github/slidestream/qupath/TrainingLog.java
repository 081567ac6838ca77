package io.github.slidestream.qupath;

import io.github.slidestream.qupath.train.Epochs;
import io.github.slidestream.qupath.train.FineTuneRun;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How a training goes, in QuPath's log. */
final class TrainingLog implements FineTuneRun.Watcher {
    private final Logger log;
    private int told;

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

    @Override
    public void epochs(List<Epochs.Row> rows) {
        if (rows.size() > told) {
            told = rows.size();
            Epochs.Row last = rows.get(told - 1);
            log.info("epoch {}: loss {}", last.epoch(), last.trainLoss());
        }
    }
}
