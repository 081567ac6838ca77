package qupath.lib.projects;

import qupath.lib.images.servers.ImageServerBuilder.ServerBuilder;

/** Signatures only. */
public interface ProjectImageEntry<T> {
    String getImageName();

    ServerBuilder<T> getServerBuilder();
}
