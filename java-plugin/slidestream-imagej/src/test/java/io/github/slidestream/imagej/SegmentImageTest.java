package io.github.slidestream.imagej;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.Macro;
import ij.WindowManager;
import ij.gui.Overlay;
import ij.gui.Roi;
import ij.io.FileSaver;
import ij.process.ColorProcessor;
import java.awt.Color;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On ImageJ itself, without a display. */
class SegmentImageTest {
    @TempDir
    Path folder;

    private static String model() {
        return Path.of(System.getProperty("slidestream.models"), "he-nuclei").toString();
    }

    /** Dark discs on pink. */
    private static ImagePlus tissue() {
        ColorProcessor pen = new ColorProcessor(600, 500);
        pen.setColor(new Color(228, 176, 208));
        pen.fill();
        Random random = new Random(7);
        for (int i = 0; i < 100; i++) {
            pen.setColor(new Color(90, 55, 140));
            pen.fillOval(random.nextInt(560), random.nextInt(460), 18, 20);
        }
        return new ImagePlus("tissue", pen);
    }

    @Test
    void theOverlayHoldsTheObjectsAndIsSavedWithTheImage() {
        ImagePlus image = tissue();
        int found = SegmentImage.segment(image, model(), 0.5);
        assertTrue(found > 20 && image.getOverlay().size() == found, found + " objects");
        String file = folder.resolve("with-overlay.tif").toString();
        assertTrue(new FileSaver(image).saveAsTiff(file));
        Overlay saved = IJ.openImage(file).getOverlay();
        assertEquals(found, saved.size());
        assertEquals("Nucleus", saved.get(0).getName());
        for (Roi roi : image.getOverlay()) {
            assertTrue(roi.getStatistics().area >= 10 && roi.getBounds().getMaxX() <= 600, roi.toString());
        }
    }

    @Test
    void onlyTheSelectionIsLookedAt() {
        ImagePlus image = tissue();
        int everywhere = SegmentImage.segment(image, model(), 0.5);
        image.setRoi(0, 0, 150, 120);
        int selected = SegmentImage.segment(image, model(), 0.5);
        assertTrue(selected <= everywhere && selected > 0, selected + " of " + everywhere);
    }

    @Test
    void aMacroRunsItAndAnImageWithoutAScaleIsRefusedWithTheCure() {
        ImagePlus image = tissue();
        image.getCalibration().setUnit("micron");
        image.getCalibration().pixelWidth = 0.5;
        WindowManager.setTempCurrentImage(image);
        Thread.currentThread().setName("Run$_test");
        Macro.setOptions("model=[" + model() + "]");
        new SegmentImage().run("");
        assertTrue(image.getOverlay().size() > 20);
        Macro.setOptions(null);
        IllegalArgumentException told =
                assertThrows(IllegalArgumentException.class, () -> SegmentImage.segment(tissue(), model(), Double.NaN));
        assertTrue(told.getMessage().contains("Set Scale"), told.getMessage());
    }

    @Test
    void theMenuEntryNamesThePlugin() throws Exception {
        try (InputStream config = SegmentImage.class.getResourceAsStream("/plugins.config")) {
            String text = new String(config.readAllBytes(), StandardCharsets.UTF_8);
            String line = text.lines().filter(one -> !one.startsWith("#")).findFirst().orElseThrow();
            Class.forName(line.substring(line.lastIndexOf(',') + 1).strip()).getDeclaredConstructor().newInstance();
        }
    }
}
