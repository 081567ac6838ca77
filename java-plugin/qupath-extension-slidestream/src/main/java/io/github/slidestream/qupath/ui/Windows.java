package io.github.slidestream.qupath.ui;

import javafx.application.Platform;
import javafx.geometry.Rectangle2D;
import javafx.scene.Parent;
import javafx.scene.Scene;
import javafx.scene.control.ScrollPane;
import javafx.scene.layout.Region;
import javafx.stage.Screen;
import javafx.stage.Stage;
import javafx.stage.Window;

/** Windows for dialogs: beside QuPath's, not over it, and as tall as their content while the screen allows it. */
public final class Windows {
    private static final double LEAST_WIDTH = 420;

    private Windows() {}

    /**
     * @param title of the window
     * @param content a dialog's, as its controller loads it
     * @param owner QuPath's window; null for none
     * @return the window, not shown yet
     */
    public static Stage make(String title, Parent content, Window owner) {
        Stage stage = new Stage();
        stage.initOwner(owner);
        stage.setTitle(title);
        stage.setScene(new Scene(content));
        stage.setMinWidth(LEAST_WIDTH);
        if (content instanceof ScrollPane scroll && scroll.getContent() instanceof Region page) {
            stage.showingProperty().addListener((any, before, now) -> Platform.runLater(() -> grow(stage, page.getHeight())));
            page.heightProperty().addListener((any, before, now) -> grow(stage, now.doubleValue()));
        }
        return stage;
    }

    /** What appears later, such as progress and curves, makes the window taller; it never shrinks by itself. */
    private static void grow(Stage stage, double wanted) {
        if (!stage.isShowing()) {
            return;
        }
        double frame = stage.getHeight() - stage.getScene().getHeight();
        Rectangle2D screen = Screen.getScreensForRectangle(stage.getX(), stage.getY(), 1, 1).stream()
                .findFirst()
                .orElse(Screen.getPrimary())
                .getVisualBounds();
        double height = Math.min(wanted + frame + 2, screen.getHeight());
        if (height > stage.getHeight()) {
            stage.setHeight(height);
            stage.setY(Math.max(screen.getMinY(), Math.min(stage.getY(), screen.getMaxY() - height)));
        }
    }
}
