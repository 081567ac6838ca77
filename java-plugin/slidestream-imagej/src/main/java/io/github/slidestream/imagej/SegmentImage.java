package io.github.slidestream.imagej;

import ij.IJ;
import ij.ImagePlus;
import ij.Macro;
import ij.WindowManager;
import ij.gui.GenericDialog;
import ij.gui.Overlay;
import ij.plugin.PlugIn;
import io.github.slidestream.CancelToken;
import io.github.slidestream.Model;
import io.github.slidestream.Models;
import io.github.slidestream.ObjectBatch;
import io.github.slidestream.Progress;
import io.github.slidestream.RunListener;
import io.github.slidestream.Segmentation;
import io.github.slidestream.Slide;
import io.github.slidestream.SlidestreamException;
import io.github.slidestream.StoppedException;
import java.util.Locale;

/**
 * Plugins &gt; Slidestream &gt; Segment Image: finds objects in the open image, or in its selection, and shows their outlines as
 * its overlay. In a macro: {@code run("Segment Image...", "model=he-nuclei microns=0.5")}. Escape stops it.
 */
public final class SegmentImage implements PlugIn {
    /** Made by ImageJ. */
    public SegmentImage() {}

    @Override
    public void run(String argument) {
        ImagePlus image = WindowManager.getCurrentImage();
        if (image == null) {
            IJ.noImage();
            return;
        }
        try {
            Choice choice = Macro.getOptions() == null ? ask(image) : ofMacro(image, Macro.getOptions());
            if (choice == null) {
                return;
            }
            int found = segment(image, choice.model(), choice.microns());
            IJ.showStatus(found + " objects");
        } catch (StoppedException stopped) {
            IJ.showStatus("Slidestream was stopped; the overlay is as it was");
        } catch (SlidestreamException | IllegalArgumentException error) {
            IJ.error("Slidestream", error.getMessage());
        } finally {
            IJ.showProgress(1.0);
        }
    }

    private record Choice(String model, double microns) {}

    private static Choice ofMacro(ImagePlus image, String options) {
        String model = Macro.getValue(options, "model", "");
        String microns = Macro.getValue(options, "microns", "");
        if (model.isEmpty()) {
            throw new IllegalArgumentException("the option `model` is missing, as in: model=he-nuclei microns=0.5");
        }
        try {
            return new Choice(model, microns.isEmpty() ? HostImage.microns(image) : Double.parseDouble(microns));
        } catch (NumberFormatException error) {
            throw new IllegalArgumentException("the option `microns` is " + microns + "; it must be micrometres per pixel", error);
        }
    }

    private static Choice ask(ImagePlus image) {
        String[] names = Models.list().stream().filter(Models.KnownModel::usable).map(Models.KnownModel::name).toArray(String[]::new);
        if (names.length == 0) {
            throw new IllegalArgumentException("no model is installed; put one into ~/.local/share/slidestream/models");
        }
        GenericDialog dialog = new GenericDialog("Segment Image");
        dialog.addChoice("Model", names, names[0]);
        dialog.addNumericField("Microns", HostImage.microns(image), 4, 8, "µm per pixel");
        dialog.showDialog();
        return dialog.wasCanceled() ? null : new Choice(dialog.getNextChoice(), dialog.getNextNumber());
    }

    /**
     * Segments an image, or the area selected in it, and shows the outlines as its overlay once all are there.
     *
     * @param image of any type; of a stack the slice that is shown
     * @param nameOrFolder the model
     * @param microns micrometres per pixel
     * @return how many objects there are
     * @throws IllegalArgumentException if the resolution is not above 0
     * @throws SlidestreamException as {@link Segmentation#run(Slide)}
     */
    public static int segment(ImagePlus image, String nameOrFolder, double microns) {
        if (!(microns > 0 && Double.isFinite(microns))) {
            throw new IllegalArgumentException(
                    "the image is " + microns + " µm per pixel; set its scale (Analyze > Set Scale) or the option `microns`");
        }
        Overlay overlay = new Overlay();
        CancelToken cancel = new CancelToken();
        IJ.resetEscape();
        try (Slide slide = Slide.of(new HostImage(image)); Model model = Model.load(nameOrFolder)) {
            RunListener listener = new RunListener() {
                @Override
                public void progress(Progress now) {
                    IJ.showProgress(now.share());
                    IJ.showStatus(String.format(Locale.ROOT, "Slidestream: %d of %d tiles", now.done(), now.total()));
                    if (IJ.escapePressed()) {
                        cancel.cancel();
                    }
                }

                @Override
                public void note(String text) {
                    IJ.log("Slidestream: " + text);
                }

                @Override
                public void objects(ObjectBatch batch) {
                    Outlines.add(batch, model, overlay);
                }
            };
            Segmentation.builder().model(model).area(HostImage.area(image)).micronsPerPixel(microns).build()
                    .run(slide, listener, cancel);
        }
        image.setOverlay(overlay);
        return overlay.size();
    }
}
