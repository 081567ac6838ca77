package io.github.slidestream.qupath.host;

import io.github.slidestream.qupath.core.FoundObject;
import io.github.slidestream.qupath.engine.LoadedModel;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import qupath.lib.gui.viewer.QuPathViewer;
import qupath.lib.gui.viewer.overlays.AbstractOverlay;
import qupath.lib.images.ImageData;
import qupath.lib.regions.ImageRegion;

/** Objects of a run that is going on, drawn over the image; the hierarchy does not know them. */
final class PreviewOverlay extends AbstractOverlay {
    private final QuPathViewer viewer;
    private final ImageData<BufferedImage> image;
    private final List<Part> parts = new CopyOnWriteArrayList<>();

    /** One batch: few paths to draw, and a box to leave it out by. */
    private record Part(Path2D path, Rectangle2D box, Color color) {}

    PreviewOverlay(QuPathViewer viewer) {
        super(viewer.getOverlayOptions());
        this.viewer = viewer;
        this.image = viewer.getImageData();
        viewer.getCustomOverlayLayers().add(this);
    }

    boolean isOf(QuPathViewer other) {
        return viewer == other && other.getImageData() == image;
    }

    void add(List<FoundObject> found, LoadedModel model) {
        List<Path2D> paths = new ArrayList<>();
        model.classes().forEach(one -> paths.add(new Path2D.Float(Path2D.WIND_EVEN_ODD)));
        for (FoundObject object : found) {
            Path2D path = paths.get(object.classIndex());
            if (object.isCut()) {
                path.append(new org.locationtech.jts.awt.ShapeWriter().toShape(object.geometry()), false);
                continue;
            }
            for (double[] ring : object.rings()) {
                path.moveTo(ring[0], ring[1]);
                for (int i = 2; i < ring.length; i += 2) {
                    path.lineTo(ring[i], ring[i + 1]);
                }
                path.closePath();
            }
        }
        for (int i = 0; i < paths.size(); i++) {
            if (paths.get(i).getCurrentPoint() != null) {
                parts.add(new Part(paths.get(i), paths.get(i).getBounds2D(), new Color(model.classes().get(i).rgb())));
            }
        }
        viewer.repaint();
    }

    void remove() {
        viewer.getCustomOverlayLayers().remove(this);
        viewer.repaint();
    }

    @Override
    public void paintOverlay(
            Graphics2D graphics, ImageRegion region, double downsample, ImageData<BufferedImage> shown, boolean completely) {
        if (shown != image || !isVisible()) {
            return;
        }
        graphics.setStroke(new BasicStroke((float) Math.max(1, 1.5 * downsample)));
        for (Part part : parts) {
            if (part.box().intersects(region.getX(), region.getY(), region.getWidth(), region.getHeight())) {
                graphics.setColor(part.color());
                graphics.draw(part.path());
            }
        }
    }
}
