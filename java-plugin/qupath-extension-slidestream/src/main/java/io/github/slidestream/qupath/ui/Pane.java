package io.github.slidestream.qupath.ui;

import java.io.IOException;
import java.io.UncheckedIOException;
import javafx.fxml.FXMLLoader;
import javafx.scene.Node;
import javafx.scene.Parent;
import javafx.scene.control.ScrollPane;

/** Loads a dialog's content. */
final class Pane {
    private Pane() {}

    /**
     * @param name of the FXML file beside this class
     * @param controller filled with the file's nodes
     * @return the content in a scroll pane, so that nothing is lost on small screens and at large type
     */
    static Parent load(String name, Object controller) {
        ScrollPane scroll = new ScrollPane(part(name, controller));
        scroll.setFitToWidth(true);
        scroll.setHbarPolicy(ScrollPane.ScrollBarPolicy.NEVER);
        scroll.getStyleClass().add("slidestream");
        scroll.getStylesheets().add(Pane.class.getResource("slidestream.css").toExternalForm());
        return scroll;
    }

    /** A part of a dialog with a controller of its own. */
    static Node part(String name, Object controller) {
        FXMLLoader loader = new FXMLLoader(Pane.class.getResource(name), Strings.BUNDLE);
        loader.setController(controller);
        loader.setClassLoader(Pane.class.getClassLoader());
        try {
            return loader.load();
        } catch (IOException error) {
            throw new UncheckedIOException("the dialog " + name + " cannot be loaded; the jar is damaged, install it again", error);
        }
    }

    /** Does the work only while the node's window is open: a closed dialog must cost nothing. */
    static Runnable whileShown(Node node, Runnable work) {
        return () -> {
            if (node.getScene() != null && node.getScene().getWindow() != null && node.getScene().getWindow().isShowing()) {
                work.run();
            }
        };
    }

    /** Shows a node, or hides it and the room that it takes. */
    static void show(Node node, boolean visible) {
        node.setVisible(visible);
        node.setManaged(visible);
    }
}
