package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.core.Pace;
import io.github.slidestream.qupath.core.RunState;
import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.Engine;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.Listener.Progress;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import javafx.application.Platform;
import javafx.fxml.FXML;
import javafx.scene.control.Button;
import javafx.scene.control.Label;
import javafx.scene.control.ProgressBar;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The lower part of every dialog: start, stop, why it cannot start, progress, how it ended. */
final class RunBox {
    private static final Logger LOG = LoggerFactory.getLogger(RunBox.class);

    @FXML private Button start;
    @FXML private Button stop;
    @FXML private Label reason;
    @FXML private ProgressBar bar;
    @FXML private Label progress;
    @FXML private Label note;
    @FXML private Label result;

    private final Source engine;
    private final Executor background;
    private final Supplier<Optional<String>> refusal;
    private RunState state = RunState.IDLE;
    private Cancel cancel;
    private Work work;
    private Runnable changed = () -> {};

    /** Gives the engine, loading it at the first call. */
    interface Source {
        Engine get() throws EngineException;
    }

    /** What a run does, off JavaFX's thread; gives the line for the result. */
    interface Work {
        String run(Engine engine, Cancel cancel) throws EngineException, CancelledException;
    }

    RunBox(Source engine, Executor background, Supplier<Optional<String>> refusal) {
        this.engine = engine;
        this.background = background;
        this.refusal = refusal;
    }

    /** What the start button does, and what is told of every change of state. */
    void use(Work work, Runnable changed) {
        this.work = work;
        this.changed = changed;
        refresh();
    }

    /** Another name for the start button. */
    void call(String name) {
        start.setText(name);
    }

    RunState state() {
        return state;
    }

    /** Looks anew whether a run can start. */
    void refresh() {
        Optional<String> why = refusal.get();
        boolean busy = state.isBusy();
        start.setDisable(why.isPresent());
        stop.setDisable(state != RunState.RUNNING);
        reason.setText(busy ? "" : why.orElse(""));
        Pane.show(reason, !reason.getText().isEmpty());
        Pane.show(bar, busy);
        Pane.show(progress, busy);
        Pane.show(note, !note.getText().isEmpty());
        Pane.show(result, !result.getText().isEmpty());
    }

    @FXML
    void begin() {
        if (!state.mayBecome(RunState.RUNNING) || refusal.get().isPresent()) {
            return;
        }
        cancel = new Cancel();
        bar.setProgress(-1);
        progress.setText(Strings.get("run.starting"));
        say("", false);
        note.setText("");
        become(RunState.RUNNING);
        Cancel mine = cancel;
        Work job = work;
        background.execute(() -> {
            try {
                String text = job.run(engine.get(), mine);
                Platform.runLater(() -> end(mine.isCancelled() && state == RunState.STOPPING ? RunState.STOPPED : RunState.DONE, text));
            } catch (CancelledException stopped) {
                Platform.runLater(() -> end(RunState.STOPPED, Strings.get("run.stopped")));
            } catch (EngineException error) {
                Platform.runLater(() -> end(RunState.FAILED, error.getMessage()));
            } catch (RuntimeException | LinkageError error) {
                LOG.error("slidestream failed", error);
                Platform.runLater(() -> end(RunState.FAILED, Strings.get("run.defect", error)));
            }
        });
    }

    @FXML
    void halt() {
        if (state.mayBecome(RunState.STOPPING)) {
            become(RunState.STOPPING);
            progress.setText(Strings.get("run.stopping"));
            cancel.cancel();
        }
    }

    private void end(RunState next, String text) {
        RunState reached = state.mayBecome(next) ? next : RunState.DONE;
        say(text, reached == RunState.FAILED);
        become(reached);
    }

    private void say(String text, boolean failed) {
        result.setText(text);
        result.getStyleClass().removeAll("reason", "done");
        result.getStyleClass().add(failed ? "reason" : "done");
    }

    private void become(RunState next) {
        state = next;
        changed.run();
        refresh();
    }

    /** Shows what the user should know; any thread. The newest replaces the one before, and all are in the log. */
    void note(String text) {
        LOG.info("{}", text);
        Platform.runLater(() -> {
            note.setText(text.strip());
            Pane.show(note, !text.isBlank());
        });
    }

    /** Shows progress; any thread. The newest state only: a slow screen does not fill a queue. */
    void show(String before, double share, Progress newest, String what) {
        Platform.runLater(() -> {
            if (state == RunState.RUNNING) {
                bar.setProgress(newest.total() <= 0 ? -1 : share);
                progress.setText(before + Pace.text(newest, what) + (newest.text().isEmpty() ? "" : "\n" + newest.text()));
            }
        });
    }
}
