package qupath.lib.projects;

import java.util.List;
import qupath.lib.images.ImageData;

/** Signatures only. */
public interface Project<T> {
    List<ProjectImageEntry<T>> getImageList();

    ProjectImageEntry<T> getEntry(ImageData<T> imageData);
}
