package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.core.OpenImage;
import io.github.slidestream.qupath.train.ReviewQueue;
import java.util.Locale;
import javafx.fxml.FXML;
import javafx.scene.Parent;
import javafx.scene.control.Button;
import javafx.scene.control.Label;
import javafx.scene.control.TextField;

/** The dialog that leads from one doubtful place to the next. */
public final class ReviewController {
    @FXML private TextField side;
    @FXML private Button next;
    @FXML private Button add;
    @FXML private Label reason;
    @FXML private Label where;

    private final Workbench workbench;
    private final Settings settings;
    private ReviewQueue queue;
    private ReviewQueue.Square current;
    private OpenImage image;

    /**
     * @param workbench the program around it
     * @param settings remembered
     */
    public ReviewController(Workbench workbench, Settings settings) {
        this.workbench = workbench;
        this.settings = settings;
    }

    /** @return the dialog's content */
    public Parent load() {
        return Pane.load("review.fxml", this);
    }

    @FXML
    private void initialize() {
        side.textProperty().addListener((any, before, now) -> restart());
        workbench.watch(Pane.whileShown(next, this::refresh));
        refresh();
    }

    /** Another image or another size: the order is made anew. */
    private void restart() {
        queue = null;
        current = null;
        where.setText("");
        refresh();
    }

    /** Looks anew at the open image. */
    public void refresh() {
        OpenImage open = workbench.image();
        if (open == null ? image != null : image == null || !open.name().equals(image.name())) {
            image = open;
            restart();
            return;
        }
        image = open;
        String why = refusal();
        next.setDisable(why != null);
        add.setDisable(current == null);
        reason.setText(why == null ? "" : why);
        Pane.show(reason, why != null);
    }

    private String refusal() {
        if (image == null) {
            return Strings.get("no-image");
        }
        if (image.micronsAcross().isEmpty()) {
            return Strings.get("review.pixel-size");
        }
        if (!(microns() > 0)) {
            return Strings.get("review.side");
        }
        return !workbench.anySeen() ? Strings.get("review.nothing") : null;
    }

    private double microns() {
        try {
            return Double.parseDouble(side.getText().strip());
        } catch (NumberFormatException error) {
            return Double.NaN;
        }
    }

    @FXML
    private void showNext() {
        if (queue == null) {
            queue = new ReviewQueue(workbench.seen(), microns() / image.micronsAcross().getAsDouble());
        }
        current = queue.next();
        if (current == null) {
            where.setText(Strings.get("review.end", queue.size(), ReviewQueue.FEWEST));
        } else {
            workbench.go(current);
            where.setText(Strings.get("review.where", queue.seen(), queue.size(), current.objects(),
                    String.format(Locale.ROOT, "%.0f %%", 100 * current.doubt())));
        }
        refresh();
    }

    @FXML
    private void addRegion() {
        workbench.addRegion(current, settings.regionClass.get());
        where.setText(Strings.get("review.added", settings.regionClass.get()));
    }
}
