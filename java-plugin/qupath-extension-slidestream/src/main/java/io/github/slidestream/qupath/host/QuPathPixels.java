package io.github.slidestream.qupath.host;

import io.github.slidestream.qupath.core.Channels;
import io.github.slidestream.qupath.engine.Pixels;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferInt;
import java.awt.image.Raster;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import qupath.lib.images.servers.ImageServer;
import qupath.lib.regions.RegionRequest;

/** Pixels through QuPath's server, whatever it does to them. */
final class QuPathPixels implements Pixels {
    private final ImageServer<BufferedImage> server;
    private final Channels channels;
    private final int z;
    private final int t;
    private final List<Integer> downsamples;

    QuPathPixels(ImageServer<BufferedImage> server, Channels channels, int z, int t) {
        this.server = server;
        this.channels = channels;
        this.z = z;
        this.t = t;
        this.downsamples = downsamples(server.getPreferredDownsamples());
    }

    /** Levels that are reduced by a whole number: only there do requests in level pixels fall on whole image pixels. */
    static List<Integer> downsamples(double[] preferred) {
        List<Integer> whole = new ArrayList<>(List.of(1));
        for (double downsample : preferred) {
            int rounded = (int) Math.round(downsample);
            if (Math.abs(downsample - rounded) < 1e-6 && rounded > whole.get(whole.size() - 1)) {
                whole.add(rounded);
            }
        }
        return whole;
    }

    @Override
    public String name() {
        return server.getMetadata().getName();
    }

    @Override
    public String identity() {
        return server.getPath() + " " + channels + " z" + z + " t" + t;
    }

    @Override
    public List<int[]> levels() {
        return downsamples.stream()
                .map(downsample -> new int[] {server.getWidth() / downsample, server.getHeight() / downsample})
                .filter(size -> size[0] > 0 && size[1] > 0)
                .toList();
    }

    @Override
    public void read(int level, int x, int y, int width, int height, ByteBuffer rgb) throws IOException {
        int downsample = downsamples.get(level);
        int[] region = {x * downsample, y * downsample, width * downsample, height * downsample};
        BufferedImage read = read(server, downsample, region, z, t);
        if (read.getWidth() != width || read.getHeight() != height) {
            throw new IOException("QuPath gave " + read.getWidth() + " x " + read.getHeight() + " pixels of " + name() + " at " + x
                    + ", " + y + " where " + width + " x " + height + " were asked for at downsample " + downsample);
        }
        BufferedImage picture = rgb(read, channels);
        int[] packed = picture.getRaster().getDataBuffer() instanceof DataBufferInt data && data.getSize() == width * height
                ? data.getData()
                : picture.getRGB(0, 0, width, height, null, 0, width);
        byte[] bytes = new byte[3 * packed.length];
        for (int i = 0, at = 0; i < packed.length; i++) {
            bytes[at++] = (byte) (packed[i] >> 16);
            bytes[at++] = (byte) (packed[i] >> 8);
            bytes[at++] = (byte) packed[i];
        }
        rgb.put(bytes);
    }

    static BufferedImage read(ImageServer<BufferedImage> server, double downsample, int[] region, int z, int t) throws IOException {
        RegionRequest request =
                RegionRequest.createInstance(server.getPath(), downsample, region[0], region[1], region[2], region[3], z, t);
        BufferedImage read = server.readRegion(request);
        if (read == null) {
            throw new IOException("QuPath has no pixels at " + request);
        }
        return read;
    }

    /** The picture as RGB, with the chosen channels where it is not. */
    static BufferedImage rgb(BufferedImage read, Channels channels) {
        if (channels == null && (read.getType() == BufferedImage.TYPE_INT_RGB || read.getType() == BufferedImage.TYPE_INT_ARGB)) {
            return opaque(read);
        }
        BufferedImage picture = new BufferedImage(read.getWidth(), read.getHeight(), BufferedImage.TYPE_INT_RGB);
        if (channels == null) {
            picture.createGraphics().drawImage(read, 0, 0, null);
            return picture;
        }
        Raster raster = read.getRaster();
        for (int y = 0; y < read.getHeight(); y++) {
            for (int x = 0; x < read.getWidth(); x++) {
                int red = channels.level(raster.getSampleDouble(x, y, channels.red()));
                int green = channels.level(raster.getSampleDouble(x, y, channels.green()));
                int blue = channels.level(raster.getSampleDouble(x, y, channels.blue()));
                picture.setRGB(x, y, red << 16 | green << 8 | blue);
            }
        }
        return picture;
    }

    private static BufferedImage opaque(BufferedImage read) {
        if (read.getType() == BufferedImage.TYPE_INT_RGB) {
            return read;
        }
        BufferedImage picture = new BufferedImage(read.getWidth(), read.getHeight(), BufferedImage.TYPE_INT_RGB);
        picture.setRGB(0, 0, read.getWidth(), read.getHeight(),
                read.getRGB(0, 0, read.getWidth(), read.getHeight(), null, 0, read.getWidth()), 0, read.getWidth());
        return picture;
    }
}
