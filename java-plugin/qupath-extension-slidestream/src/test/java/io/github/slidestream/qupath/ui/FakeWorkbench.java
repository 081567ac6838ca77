package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.FakeImage;
import io.github.slidestream.qupath.core.FoundObject;
import io.github.slidestream.qupath.core.OpenImage;
import io.github.slidestream.qupath.core.SlideRoute;
import io.github.slidestream.qupath.engine.LoadedModel;
import io.github.slidestream.qupath.train.Annotated;
import io.github.slidestream.qupath.train.PretrainRun;
import io.github.slidestream.qupath.train.ReviewQueue;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** A window that notes what it is told. */
final class FakeWorkbench implements Workbench {
    FakeImage image = new FakeImage();
    final List<Runnable> watchers = new ArrayList<>();
    final AtomicInteger shown = new AtomicInteger();
    final AtomicInteger cleared = new AtomicInteger();
    final List<ReviewQueue.Square> visited = new ArrayList<>();
    final List<String> added = new ArrayList<>();
    final List<ReviewQueue.Seen> seen = new ArrayList<>();
    List<PretrainRun.Slide> slides = List.of(
            new PretrainRun.Slide("CMU-1.svs", Path.of("/slides/CMU-1.svs"), 0.499, null),
            new PretrainRun.Slide("CMU-2.svs", Path.of("/slides/CMU-2.svs"), 0.499, null),
            new PretrainRun.Slide("stack.ome.tif", null, 0.25, "the image is opened by BioFormatsImageServer, not by OpenSlide; "
                    + "pre-training reads files"));

    void changed() {
        List.copyOf(watchers).forEach(Runnable::run);
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
        return List.of("Immune cells", "Necrosis", "Other", "Region*", "Stroma", "Tumor");
    }

    final List<FakeImage> others = new ArrayList<>();
    final List<String> unreadable = new ArrayList<>();

    @Override
    public int color(String className) {
        return className.equals("Tumor") ? 0xc80000 : 0x96c896;
    }

    @Override
    public Others others(String regionClass) {
        return new Others(others.stream().map(Annotated::new).toList(), List.copyOf(unreadable));
    }

    @Override
    public void preview(List<FoundObject> found, LoadedModel model) {
        shown.addAndGet(found.size());
    }

    @Override
    public void clearPreview() {
        cleared.incrementAndGet();
    }

    @Override
    public List<PretrainRun.Slide> slides(SlideRoute.Properties properties) {
        return slides;
    }

    @Override
    public boolean anySeen() {
        return !seen.isEmpty();
    }

    @Override
    public List<ReviewQueue.Seen> seen() {
        return seen;
    }

    @Override
    public void go(ReviewQueue.Square square) {
        visited.add(square);
    }

    @Override
    public void addRegion(ReviewQueue.Square square, String className) {
        added.add(className);
    }
}
