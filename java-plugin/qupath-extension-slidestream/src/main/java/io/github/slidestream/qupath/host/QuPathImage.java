package io.github.slidestream.qupath.host;

import io.github.slidestream.qupath.core.Channels;
import io.github.slidestream.qupath.core.FoundObject;
import io.github.slidestream.qupath.core.OpenImage;
import io.github.slidestream.qupath.core.Output;
import io.github.slidestream.qupath.core.ServerFacts;
import io.github.slidestream.qupath.core.Tally;
import io.github.slidestream.qupath.core.Target;
import io.github.slidestream.qupath.core.Where;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.LoadedModel;
import io.github.slidestream.qupath.engine.Pixels;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.OptionalDouble;
import org.locationtech.jts.geom.Envelope;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import qupath.lib.images.ImageData;
import qupath.lib.images.servers.ImageServer;
import qupath.lib.images.servers.ImageServerBuilder.DefaultImageServerBuilder;
import qupath.lib.images.servers.PixelCalibration;
import qupath.lib.images.servers.PixelType;
import qupath.lib.objects.PathObject;
import qupath.lib.objects.TMACoreObject;
import qupath.lib.objects.hierarchy.PathObjectHierarchy;
import qupath.lib.objects.hierarchy.TMAGrid;
import qupath.lib.plugins.workflow.DefaultScriptableWorkflowStep;
import qupath.lib.roi.interfaces.ROI;
import qupath.lib.scripting.QP;

/** An image of QuPath. */
public final class QuPathImage implements OpenImage {
    private static final Logger LOG = LoggerFactory.getLogger(QuPathImage.class);

    private final ImageData<BufferedImage> data;
    private final ImageServer<BufferedImage> server;

    /** @param data an open image */
    public QuPathImage(ImageData<BufferedImage> data) {
        this.data = data;
        this.server = data.getServer();
    }

    /**
     * @return the image that the running script is for
     * @throws EngineException if there is none
     */
    public static QuPathImage ofScript() throws EngineException {
        ImageData<BufferedImage> data = QP.getCurrentImageData();
        if (data == null) {
            throw new EngineException("No image is open. Open one, or run the script for the images of a project");
        }
        return new QuPathImage(data);
    }

    /** @return QuPath's own object */
    ImageData<BufferedImage> data() {
        return data;
    }

    @Override
    public void close() {
        try {
            data.close();
        } catch (Exception error) {
            // Nothing depends on it: the image was only read.
            LOG.warn("{} could not be closed", name(), error);
        }
    }

    @Override
    public String name() {
        return server.getMetadata().getName();
    }

    @Override
    public int width() {
        return server.getWidth();
    }

    @Override
    public int height() {
        return server.getHeight();
    }

    @Override
    public OptionalDouble micronsAcross() {
        PixelCalibration size = server.getPixelCalibration();
        return size.hasPixelSizeMicrons() ? OptionalDouble.of(size.getPixelWidthMicrons()) : OptionalDouble.empty();
    }

    @Override
    public OptionalDouble micronsDown() {
        PixelCalibration size = server.getPixelCalibration();
        return size.hasPixelSizeMicrons() ? OptionalDouble.of(size.getPixelHeightMicrons()) : OptionalDouble.empty();
    }

    @Override
    public boolean isRgb() {
        return server.isRGB();
    }

    @Override
    public boolean isFluorescence() {
        return data.isFluorescence();
    }

    @Override
    public List<String> channels() {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < server.nChannels(); i++) {
            names.add(server.getChannel(i).getName());
        }
        return names;
    }

    @Override
    public double largestValue() {
        PixelType type = server.getPixelType();
        return type.isFloatingPoint() ? 1 : type.getUpperBound().doubleValue();
    }

    @Override
    public ServerFacts server() {
        List<String> args = server.getBuilder() instanceof DefaultImageServerBuilder<BufferedImage> builder && builder.getArgs() != null
                ? List.of(builder.getArgs())
                : List.of();
        return new ServerFacts(server.getClass().getName(), List.copyOf(server.getURIs()), args, server.getWidth(),
                server.getHeight(), server.nZSlices() * server.nTimepoints());
    }

    @Override
    public Counts counts() {
        PathObjectHierarchy hierarchy = data.getHierarchy();
        int annotations = 0;
        int cores = 0;
        for (PathObject selected : hierarchy.getSelectionModel().getSelectedObjects()) {
            annotations += isArea(selected) && selected.isAnnotation() ? 1 : 0;
            cores += isCore(selected) ? 1 : 0;
        }
        return new Counts(annotations, cores, (int) hierarchy.getAnnotationObjects().stream().filter(QuPathImage::isArea).count(),
                (int) allCores().stream().filter(QuPathImage::isCore).count());
    }

    @Override
    public List<Target> targets(Where where) {
        PathObjectHierarchy hierarchy = data.getHierarchy();
        if (where.isImage()) {
            return List.of(new Target(hierarchy.getRootObject(), name(), null, 0, 0));
        }
        Collection<? extends PathObject> objects = switch (where) {
            case SELECTED -> hierarchy.getSelectionModel().getSelectedObjects();
            case ANNOTATIONS -> hierarchy.getAnnotationObjects();
            default -> allCores();
        };
        List<Target> targets = new ArrayList<>();
        for (PathObject object : objects) {
            if (isCore(object) || (object.isAnnotation() && isArea(object))) {
                ROI roi = object.getROI();
                targets.add(new Target(object, object.getDisplayedName(), roi.getGeometry(), roi.getZ(), roi.getT()));
            }
        }
        return targets;
    }

    private List<TMACoreObject> allCores() {
        TMAGrid grid = data.getHierarchy().getTMAGrid();
        return grid == null ? List.of() : grid.getTMACoreList();
    }

    private static boolean isArea(PathObject object) {
        return object.getROI() != null && object.getROI().isArea() && !object.getROI().isEmpty();
    }

    private static boolean isCore(PathObject object) {
        return object instanceof TMACoreObject core && !core.isMissing() && isArea(core);
    }

    @Override
    public Pixels pixels(Channels channels, int z, int t) {
        return new QuPathPixels(server, channels, z, t);
    }

    @Override
    public List<Labelled> labelled() {
        PathObjectHierarchy hierarchy = data.getHierarchy();
        List<PathObject> objects = new ArrayList<>(hierarchy.getAnnotationObjects());
        objects.addAll(hierarchy.getDetectionObjects());
        List<Labelled> labelled = new ArrayList<>();
        for (PathObject object : objects) {
            if (isArea(object)) {
                ROI roi = object.getROI();
                String name = object.getPathClass() == null ? "" : object.getPathClass().toString();
                Envelope box = new Envelope(roi.getBoundsX(), roi.getBoundsX() + roi.getBoundsWidth(), roi.getBoundsY(),
                        roi.getBoundsY() + roi.getBoundsHeight());
                labelled.add(new Labelled(name, box, roi::getGeometry, roi.getZ(), roi.getT()));
            }
        }
        return labelled;
    }

    @Override
    public BufferedImage read(int[] region, double downsample, Channels channels, int z, int t) throws IOException {
        return QuPathPixels.rgb(QuPathPixels.read(server, downsample, region, z, t), channels);
    }

    @Override
    public void replace(Target target, List<FoundObject> found, LoadedModel model, Output output) {
        QuPathObjects.replace(data.getHierarchy(), target, found, model, output);
    }

    @Override
    public void measure(Target target, String prefix, Collection<Tally.Number> numbers) {
        QuPathObjects.measure(data.getHierarchy(), (PathObject) target.handle(), prefix, numbers);
    }

    @Override
    public void remember(String title, String script) {
        data.getHistoryWorkflow().addStep(new DefaultScriptableWorkflowStep(title, script));
    }
}
