package qupath.lib.gui;

import java.awt.image.BufferedImage;
import javafx.beans.property.ReadOnlyObjectProperty;
import javafx.collections.ObservableList;
import javafx.scene.control.Menu;
import javafx.stage.Stage;
import qupath.lib.gui.panes.PreferencePane;
import qupath.lib.gui.viewer.QuPathViewer;
import qupath.lib.images.ImageData;
import qupath.lib.objects.classes.PathClass;
import qupath.lib.projects.Project;

/** Signatures only. */
public class QuPathGUI {
    private QuPathGUI() {
        throw new AssertionError();
    }

    public ReadOnlyObjectProperty<ImageData<BufferedImage>> imageDataProperty() {
        throw new AssertionError();
    }

    public ImageData<BufferedImage> getImageData() {
        throw new AssertionError();
    }

    public ObservableList<PathClass> getAvailablePathClasses() {
        throw new AssertionError();
    }

    public Project<BufferedImage> getProject() {
        throw new AssertionError();
    }

    public QuPathViewer getViewer() {
        throw new AssertionError();
    }

    public Stage getStage() {
        throw new AssertionError();
    }

    public PreferencePane getPreferencePane() {
        throw new AssertionError();
    }

    public Menu getMenu(String name, boolean create) {
        throw new AssertionError();
    }
}
