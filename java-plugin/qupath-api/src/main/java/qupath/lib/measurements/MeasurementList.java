package qupath.lib.measurements;

import java.util.List;

/** Signatures only. */
public interface MeasurementList extends AutoCloseable {
    List<String> getNames();

    double get(String name);

    void put(String name, double value);

    void removeAll(String... names);

    @Override
    default void close() {
        throw new AssertionError();
    }
}
