package io.github.slidestream.qupath.ui;

import java.util.concurrent.Executor;
import java.util.function.Supplier;
import javafx.application.Platform;
import javafx.fxml.FXML;
import javafx.scene.Parent;
import javafx.scene.control.TextArea;
import javafx.scene.input.Clipboard;
import javafx.scene.input.ClipboardContent;

/** What to paste into a report about a problem. */
public final class AboutController {
    @FXML private TextArea text;

    private final Supplier<String> description;
    private final Executor background;

    /**
     * @param description asked for off JavaFX's thread
     * @param background runs it
     */
    public AboutController(Supplier<String> description, Executor background) {
        this.description = description;
        this.background = background;
    }

    /** @return the dialog's content */
    public Parent load() {
        return Pane.load("about.fxml", this);
    }

    @FXML
    private void initialize() {
        reload();
    }

    /** Asks anew. */
    public void reload() {
        text.setText(Strings.get("about.waiting"));
        background.execute(() -> {
            String said = description.get();
            Platform.runLater(() -> text.setText(said));
        });
    }

    @FXML
    private void copy() {
        ClipboardContent content = new ClipboardContent();
        content.putString(text.getText());
        Clipboard.getSystemClipboard().setContent(content);
    }
}
