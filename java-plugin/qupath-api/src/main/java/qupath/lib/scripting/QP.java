package qupath.lib.scripting;

import java.awt.image.BufferedImage;
import qupath.lib.images.ImageData;
import qupath.lib.projects.Project;

/** Signatures only. */
public class QP {
    private QP() {
        throw new AssertionError();
    }

    public static ImageData<BufferedImage> getCurrentImageData() {
        throw new AssertionError();
    }

    public static Project<BufferedImage> getProject() {
        throw new AssertionError();
    }
}
