package qupath.lib.gui.viewer.overlays;

import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import qupath.lib.images.ImageData;
import qupath.lib.regions.ImageRegion;

/** Signatures only. */
public interface PathOverlay {
    void paintOverlay(
            Graphics2D g2d, ImageRegion region, double downsample, ImageData<BufferedImage> imageData, boolean paintCompletely);
}
