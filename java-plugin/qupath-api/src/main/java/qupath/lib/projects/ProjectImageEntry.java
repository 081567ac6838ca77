package qupath.lib.projects;

import java.io.IOException;
import qupath.lib.images.ImageData;
import qupath.lib.images.servers.ImageServerBuilder.ServerBuilder;
import qupath.lib.objects.hierarchy.PathObjectHierarchy;

/** Signatures only. */
public interface ProjectImageEntry<T> {
    String getImageName();

    ServerBuilder<T> getServerBuilder();

    boolean hasImageData();

    PathObjectHierarchy readHierarchy() throws IOException;

    ImageData<T> readImageData() throws IOException;
}
