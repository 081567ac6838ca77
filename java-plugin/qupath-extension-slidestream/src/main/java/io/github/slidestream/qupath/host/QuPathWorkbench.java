package io.github.slidestream.qupath.host;

import io.github.slidestream.qupath.core.FoundObject;
import io.github.slidestream.qupath.core.OpenImage;
import io.github.slidestream.qupath.core.SlideRoute;
import io.github.slidestream.qupath.engine.LoadedModel;
import io.github.slidestream.qupath.train.PretrainRun;
import io.github.slidestream.qupath.train.ReviewQueue;
import io.github.slidestream.qupath.ui.Workbench;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import javafx.application.Platform;
import qupath.lib.gui.QuPathGUI;
import qupath.lib.gui.viewer.QuPathViewer;
import qupath.lib.images.ImageData;
import qupath.lib.objects.PathObject;
import qupath.lib.objects.PathObjects;
import qupath.lib.objects.classes.PathClass;
import qupath.lib.objects.hierarchy.events.PathObjectHierarchyListener;
import qupath.lib.objects.hierarchy.events.PathObjectSelectionListener;
import qupath.lib.regions.ImagePlane;
import qupath.lib.roi.ROIs;

/** QuPath's window. */
public final class QuPathWorkbench implements Workbench {
    private final QuPathGUI qupath;
    private final List<Runnable> watchers = new ArrayList<>();
    private final AtomicBoolean told = new AtomicBoolean();
    private final PathObjectHierarchyListener hierarchyListener = event -> tell();
    private final PathObjectSelectionListener selectionListener = (now, before, all) -> tell();
    private QuPathImage image;
    private PreviewOverlay preview;

    /** @param qupath its window */
    public QuPathWorkbench(QuPathGUI qupath) {
        this.qupath = qupath;
        qupath.imageDataProperty().addListener((any, before, now) -> opened(before, now));
        opened(null, qupath.getImageData());
    }

    private void opened(ImageData<BufferedImage> before, ImageData<BufferedImage> now) {
        if (before != null) {
            before.getHierarchy().removeListener(hierarchyListener);
            before.getHierarchy().getSelectionModel().removePathObjectSelectionListener(selectionListener);
        }
        image = now == null ? null : new QuPathImage(now);
        if (now != null) {
            now.getHierarchy().addListener(hierarchyListener);
            now.getHierarchy().getSelectionModel().addPathObjectSelectionListener(selectionListener);
        }
        tell();
    }

    /** Events come from all threads and in bursts: one call for what gathered meanwhile. */
    private void tell() {
        if (told.compareAndSet(false, true)) {
            Platform.runLater(() -> {
                told.set(false);
                List.copyOf(watchers).forEach(Runnable::run);
            });
        }
    }

    @Override
    public OpenImage image() {
        return image;
    }

    @Override
    public void watch(Runnable changed) {
        watchers.add(changed);
    }

    @Override
    public List<String> classes() {
        TreeSet<String> names = new TreeSet<>();
        for (PathClass one : qupath.getAvailablePathClasses()) {
            if (one != null && one != PathClass.NULL_CLASS) {
                names.add(one.toString());
            }
        }
        if (image != null) {
            image.labelled().forEach(one -> names.add(one.className()));
        }
        names.remove("");
        return List.copyOf(names);
    }

    @Override
    public int color(String className) {
        return QuPathProject.color(className);
    }

    @Override
    public Others others(String regionClass) {
        return QuPathProject.others(qupath.getProject(), image, regionClass);
    }

    @Override
    public void preview(List<FoundObject> found, LoadedModel model) {
        Platform.runLater(() -> {
            QuPathViewer viewer = qupath.getViewer();
            if (viewer == null || viewer.getImageData() == null) {
                return;
            }
            if (preview == null || !preview.isOf(viewer)) {
                takeAway();
                preview = new PreviewOverlay(viewer);
            }
            preview.add(found, model);
        });
    }

    @Override
    public void clearPreview() {
        Platform.runLater(this::takeAway);
    }

    private void takeAway() {
        if (preview != null) {
            preview.remove();
            preview = null;
        }
    }

    @Override
    public List<PretrainRun.Slide> slides(SlideRoute.Properties properties) {
        return QuPathProject.slides(qupath.getProject(), properties);
    }

    @Override
    public boolean anySeen() {
        return image != null
                && image.data().getHierarchy().getDetectionObjects().stream()
                        .anyMatch(one -> !Double.isNaN(one.getMeasurementList().get(QuPathObjects.PROBABILITY)));
    }

    @Override
    public List<ReviewQueue.Seen> seen() {
        List<ReviewQueue.Seen> seen = new ArrayList<>();
        if (image == null) {
            return seen;
        }
        for (PathObject object : image.data().getHierarchy().getDetectionObjects()) {
            double probability = object.getMeasurementList().get(QuPathObjects.PROBABILITY);
            if (!Double.isNaN(probability)) {
                seen.add(new ReviewQueue.Seen(object.getROI().getCentroidX(), object.getROI().getCentroidY(), probability));
            }
        }
        return seen;
    }

    @Override
    public void go(ReviewQueue.Square square) {
        QuPathViewer viewer = qupath.getViewer();
        double shown = Math.max(1, Math.min(viewer.getView().getWidth(), viewer.getView().getHeight()));
        viewer.setDownsampleFactor(Math.max(0.25, 1.3 * square.side() / shown));
        viewer.setCenterPixelLocation(square.x() + square.side() / 2, square.y() + square.side() / 2);
    }

    @Override
    public void addRegion(ReviewQueue.Square square, String className) {
        double x = Math.max(0, square.x());
        double y = Math.max(0, square.y());
        double width = Math.min(image.width(), square.x() + square.side()) - x;
        double height = Math.min(image.height(), square.y() + square.side()) - y;
        PathObject region = PathObjects.createAnnotationObject(
                ROIs.createRectangleROI(x, y, width, height, ImagePlane.getDefaultPlane()), PathClass.fromString(className));
        // Beside the objects and not above them: a rectangle must not become their parent.
        image.data().getHierarchy().getRootObject().addChildObjects(List.of(region));
        image.data().getHierarchy().fireHierarchyChangedEvent(this);
    }
}
