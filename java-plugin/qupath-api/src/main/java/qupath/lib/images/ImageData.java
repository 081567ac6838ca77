package qupath.lib.images;

import qupath.lib.images.servers.ImageServer;
import qupath.lib.objects.hierarchy.PathObjectHierarchy;
import qupath.lib.plugins.workflow.Workflow;

/** Signatures only. */
public class ImageData<T> implements AutoCloseable {
    public ImageData(ImageServer<T> server) {
        throw new AssertionError();
    }

    public ImageServer<T> getServer() {
        throw new AssertionError();
    }

    public PathObjectHierarchy getHierarchy() {
        throw new AssertionError();
    }

    public Workflow getHistoryWorkflow() {
        throw new AssertionError();
    }

    public boolean isFluorescence() {
        throw new AssertionError();
    }

    @Override
    public void close() throws Exception {
        throw new AssertionError();
    }
}
