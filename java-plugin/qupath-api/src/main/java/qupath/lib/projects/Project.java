package qupath.lib.projects;

import java.util.List;

/** Signatures only. */
public interface Project<T> {
    List<ProjectImageEntry<T>> getImageList();
}
