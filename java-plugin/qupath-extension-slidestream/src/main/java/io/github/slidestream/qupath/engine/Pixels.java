package io.github.slidestream.qupath.engine;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/** An image that only QuPath can read. Several threads read at once. */
public interface Pixels {
    /** @return for messages and the run's record */
    String name();

    /** @return the same text for the same pixels, another one for others */
    String identity();

    /** @return width and height in pixels of each level, finest first */
    List<int[]> levels();

    /**
     * Reads a region inside a level as RGB8, row by row without padding.
     *
     * @param level index into {@link #levels()}
     * @param x left edge, pixels of the level
     * @param y top edge, pixels of the level
     * @param width pixels a row
     * @param height rows
     * @param rgb has room for {@code 3 * width * height} bytes
     * @throws IOException if it cannot be read
     */
    void read(int level, int x, int y, int width, int height, ByteBuffer rgb) throws IOException;
}
