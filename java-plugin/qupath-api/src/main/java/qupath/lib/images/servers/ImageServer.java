package qupath.lib.images.servers;

import java.io.IOException;
import java.net.URI;
import java.util.Collection;
import qupath.lib.images.servers.ImageServerBuilder.ServerBuilder;
import qupath.lib.regions.RegionRequest;

/** Signatures only. */
public interface ImageServer<T> extends AutoCloseable {
    String getPath();

    Collection<URI> getURIs();

    int getWidth();

    int getHeight();

    int nChannels();

    int nZSlices();

    int nTimepoints();

    boolean isRGB();

    double[] getPreferredDownsamples();

    PixelType getPixelType();

    ImageChannel getChannel(int channel);

    ImageServerMetadata getMetadata();

    default PixelCalibration getPixelCalibration() {
        throw new AssertionError();
    }

    default T readRegion(RegionRequest request) throws IOException {
        throw new AssertionError();
    }

    default ServerBuilder<T> getBuilder() {
        throw new AssertionError();
    }
}
