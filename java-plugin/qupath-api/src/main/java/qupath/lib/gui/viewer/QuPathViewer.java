package qupath.lib.gui.viewer;

import java.awt.image.BufferedImage;
import javafx.collections.ObservableList;
import javafx.scene.layout.Pane;
import qupath.lib.gui.viewer.overlays.PathOverlay;
import qupath.lib.images.ImageData;

/** Signatures only. */
public class QuPathViewer {
    private QuPathViewer() {
        throw new AssertionError();
    }

    public void repaint() {
        throw new AssertionError();
    }

    public ImageData<BufferedImage> getImageData() {
        throw new AssertionError();
    }

    public OverlayOptions getOverlayOptions() {
        throw new AssertionError();
    }

    public ObservableList<PathOverlay> getCustomOverlayLayers() {
        throw new AssertionError();
    }

    public Pane getView() {
        throw new AssertionError();
    }

    public void setDownsampleFactor(double downsampleFactor) {
        throw new AssertionError();
    }

    public void setCenterPixelLocation(double x, double y) {
        throw new AssertionError();
    }
}
