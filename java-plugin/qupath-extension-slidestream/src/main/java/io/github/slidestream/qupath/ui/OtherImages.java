package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.train.Annotated;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import javafx.application.Platform;

/** The project's other images with training regions: looked for in the background, held open until others are wanted. */
final class OtherImages {
    private static final Workbench.Others NONE = new Workbench.Others(List.of(), List.of());

    private final Workbench workbench;
    private final Executor background;
    private final Runnable changed;
    private Workbench.Others found = NONE;
    private boolean looking;
    private boolean looked;
    private boolean held;
    private int asked;
    private final List<Workbench.Others> old = new ArrayList<>();

    OtherImages(Workbench workbench, Executor background, Runnable changed) {
        this.workbench = workbench;
        this.background = background;
        this.changed = changed;
    }

    /** Looks for images with regions of a class; for null, lets go of those that there are. */
    void look(String regionClass) {
        int now = ++asked;
        take(NONE);
        looked = false;
        looking = regionClass != null;
        if (!looking) {
            return;
        }
        background.execute(() -> {
            Workbench.Others all;
            try {
                all = workbench.others(regionClass);
            } catch (RuntimeException error) {
                all = new Workbench.Others(List.of(), List.of(String.valueOf(error.getMessage())));
            }
            Workbench.Others answer = all;
            Platform.runLater(() -> {
                if (now != asked) {
                    answer.close();
                    return;
                }
                looking = false;
                looked = true;
                take(answer);
                changed.run();
            });
        });
    }

    private void take(Workbench.Others now) {
        old.add(found);
        found = now;
        if (!held) {
            release();
        }
    }

    /** A run reads them: none is closed before {@link #release}. */
    void hold() {
        held = true;
    }

    void release() {
        held = false;
        old.forEach(Workbench.Others::close);
        old.clear();
    }

    boolean looking() {
        return looking;
    }

    List<Annotated> images() {
        return found.images();
    }

    /** One line for the user; empty if there is nothing to say. */
    String note() {
        if (!looked) {
            return "";
        }
        String names = String.join(", ", found.images().stream().map(one -> one.image().name()).toList());
        String text = Strings.get("finetune.others", found.images().size(), names);
        return found.problems().isEmpty() ? text : text + " " + Strings.get("finetune.unreadable", String.join("; ", found.problems()));
    }
}
