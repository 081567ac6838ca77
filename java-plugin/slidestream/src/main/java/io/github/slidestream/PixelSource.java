package io.github.slidestream;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.OptionalDouble;

/** An image that only this program can read; the engine asks for its regions. Several threads read at once. */
public interface PixelSource {
    /**
     * For messages and the run's record.
     *
     * @return such as the file's name
     */
    String name();

    /**
     * Tells this image's pixels from any other's: the same text for the same pixels. Object ids are made with it.
     *
     * @return such as a path with a time, or a database's key
     */
    default String identity() {
        return name();
    }

    /**
     * The sizes of the image's levels.
     *
     * @return width and height in pixels of each level, finest first; at least one
     */
    List<int[]> levels();

    /**
     * The resolution.
     *
     * @return micrometres per pixel of the finest level; empty if unknown, and then {@link Segmentation.Builder#micronsPerPixel}
     *     must be set
     */
    OptionalDouble micronsPerPixel();

    /**
     * Reads a region, which lies inside the level, as RGB8: red, green, blue of each pixel, row by row without padding, from
     * the buffer's start.
     *
     * @param level index into {@link #levels()}
     * @param x left edge, pixels of the level
     * @param y top edge, pixels of the level
     * @param width pixels a row
     * @param height rows
     * @param rgb a direct buffer with room for {@code 3 * width * height} bytes
     * @throws IOException if the region cannot be read; the job ends with {@link ImageException} and this message
     */
    void read(int level, int x, int y, int width, int height, ByteBuffer rgb) throws IOException;

    /**
     * Puts packed pixels, as of a {@code BufferedImage} of type {@code TYPE_INT_RGB}, into the buffer.
     *
     * @param pixels one {@code 0xRRGGBB} a pixel; higher bits are ignored
     * @param rgb where they go, from the current position
     */
    static void putRgb(int[] pixels, ByteBuffer rgb) {
        byte[] bytes = new byte[3 * pixels.length];
        for (int i = 0, at = 0; i < pixels.length; i++) {
            bytes[at++] = (byte) (pixels[i] >> 16);
            bytes[at++] = (byte) (pixels[i] >> 8);
            bytes[at++] = (byte) pixels[i];
        }
        rgb.put(bytes);
    }
}
