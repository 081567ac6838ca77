package io.github.slidestream.qupath.host;

import io.github.slidestream.qupath.core.SlideRoute;
import io.github.slidestream.qupath.train.Annotated;
import io.github.slidestream.qupath.train.PretrainRun;
import io.github.slidestream.qupath.ui.Workbench.Others;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import qupath.lib.images.ImageData;
import qupath.lib.images.servers.ImageServer;
import qupath.lib.objects.classes.PathClass;
import qupath.lib.projects.Project;
import qupath.lib.projects.ProjectImageEntry;
import qupath.lib.scripting.QP;

/** The images of a project. */
public final class QuPathProject {
    private QuPathProject() {}

    /**
     * @param open the image that is left out
     * @param regionClass class of the training regions
     * @return the other images of the running script's project that have such regions
     */
    public static Others ofScript(QuPathImage open, String regionClass) {
        return others(QP.getProject(), open, regionClass);
    }

    /**
     * @param className a class
     * @return its colour, as 0xRRGGBB
     */
    public static int color(String className) {
        Integer color = PathClass.fromString(className).getColor();
        return color == null ? 0xffd100 : color & 0xffffff;
    }

    static Others others(Project<BufferedImage> project, QuPathImage open, String regionClass) {
        List<Annotated> images = new ArrayList<>();
        List<String> problems = new ArrayList<>();
        if (project != null) {
            ProjectImageEntry<BufferedImage> own = open == null ? null : project.getEntry(open.data());
            for (ProjectImageEntry<BufferedImage> entry : project.getImageList()) {
                if (!Objects.equals(entry, own) && entry.hasImageData()) {
                    add(entry, regionClass, images, problems);
                }
            }
        }
        return new Others(images, problems);
    }

    /** Reads the objects alone first, since most images of a project have no regions and opening one takes long. */
    private static void add(
            ProjectImageEntry<BufferedImage> entry, String regionClass, List<Annotated> images, List<String> problems) {
        try {
            PathClass wanted = PathClass.fromString(regionClass);
            if (entry.readHierarchy().getAnnotationObjects().stream().anyMatch(object -> object.getPathClass() == wanted)) {
                ImageData<BufferedImage> data = entry.readImageData();
                images.add(new Annotated(new QuPathImage(data)));
            }
        } catch (Exception error) {
            problems.add(entry.getImageName() + ": " + (error.getMessage() == null ? error.toString() : error.getMessage()));
        }
    }

    /**
     * @param properties opens files, to see whether the engine can read them
     * @return all images of the running script's project, with the reason where one cannot be pre-trained on
     */
    public static List<PretrainRun.Slide> slidesOfScript(SlideRoute.Properties properties) {
        return slides(QP.getProject(), properties);
    }

    static List<PretrainRun.Slide> slides(Project<BufferedImage> project, SlideRoute.Properties properties) {
        List<PretrainRun.Slide> slides = new ArrayList<>();
        if (project != null) {
            for (ProjectImageEntry<BufferedImage> entry : project.getImageList()) {
                slides.add(slide(entry, properties));
            }
        }
        return slides;
    }

    private static PretrainRun.Slide slide(ProjectImageEntry<BufferedImage> entry, SlideRoute.Properties properties) {
        String name = entry.getImageName();
        try {
            ImageServer<BufferedImage> server = entry.getServerBuilder().build();
            try {
                return slide(name, new QuPathImage(new ImageData<>(server)), properties);
            } finally {
                server.close();
            }
        } catch (Exception error) {
            return new PretrainRun.Slide(name, null, 0, "it cannot be opened: " + error.getMessage());
        }
    }

    private static PretrainRun.Slide slide(String name, QuPathImage image, SlideRoute.Properties properties) {
        if (image.micronsAcross().isEmpty()) {
            return new PretrainRun.Slide(name, null, 0, "QuPath does not know its pixel size; set it in the Image tab");
        }
        if (!image.isRgb()) {
            return new PretrainRun.Slide(name, null, 0, "it is not RGB");
        }
        double microns = Math.sqrt(image.micronsAcross().getAsDouble() * image.micronsDown().getAsDouble());
        return switch (SlideRoute.choose(image.server(), properties)) {
            case SlideRoute.File file -> new PretrainRun.Slide(name, file.file(), microns, null);
            case SlideRoute.Host host -> new PretrainRun.Slide(name, null, microns, host.reason() + "; pre-training reads files");
        };
    }
}
