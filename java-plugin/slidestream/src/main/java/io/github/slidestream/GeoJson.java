package io.github.slidestream;

import java.io.IOException;
import java.util.List;
import java.util.Locale;

/** Objects as GeoJSON, as QuPath reads it: level-0 pixels, closed rings. */
public final class GeoJson {
    private GeoJson() {}

    /**
     * Writes a collection of features, one for each object.
     *
     * @param batches the objects
     * @param model what found them: names, colours, measurements
     * @param out where to
     * @throws IOException if {@code out} refuses
     */
    public static void write(Iterable<ObjectBatch> batches, Model model, Appendable out) throws IOException {
        out.append("{\"type\":\"FeatureCollection\",\"features\":[");
        String separator = "\n";
        for (ObjectBatch batch : batches) {
            for (int object = 0; object < batch.size(); object++) {
                out.append(separator);
                feature(batch, object, model, out);
                separator = ",\n";
            }
        }
        out.append("\n]}\n");
    }

    private static void feature(ObjectBatch batch, int object, Model model, Appendable out) throws IOException {
        Model.ModelClass found = model.classes().get(batch.classOf(object));
        String type = model.findsInstances() ? "detection" : "annotation";
        out.append("{\"type\":\"Feature\",\"id\":\"").append(batch.id(object).toString());
        out.append("\",\"geometry\":").append(polygon(batch, object));
        out.append(",\"properties\":{\"objectType\":\"").append(type).append("\",\"classification\":{\"name\":");
        out.append(Json.write(found.name())).append(",\"color\":");
        out.append(Json.write(List.of(found.rgb() >> 16 & 255, found.rgb() >> 8 & 255, found.rgb() & 255)));
        out.append("},\"measurements\":{\"Detection probability\":").append(decimal(batch.score(object), 4));
        for (int i = 0; i < batch.measurementCount(); i++) {
            double value = batch.measurement(object, i);
            if (Double.isFinite(value)) {
                out.append(',').append(Json.write(model.measurements().get(i))).append(':').append(decimal(value, 4));
            }
        }
        out.append("}}}");
    }

    /**
     * The outline of one object.
     *
     * @param batch the objects
     * @param object number of the object
     * @return a geometry of type {@code Polygon}
     */
    public static String polygon(ObjectBatch batch, int object) {
        StringBuilder out = new StringBuilder("{\"type\":\"Polygon\",\"coordinates\":[");
        for (int ring = 0; ring < batch.ringCount(object); ring++) {
            double[] xy = batch.ring(object, ring);
            out.append(ring == 0 ? "[" : ",[");
            for (int i = 0; i <= xy.length; i += 2) {
                int at = i % xy.length;
                out.append(i == 0 ? "[" : ",[").append(decimal(xy[at], 3)).append(',').append(decimal(xy[at + 1], 3)).append(']');
            }
            out.append(']');
        }
        return out.append("]}").toString();
    }

    private static String decimal(double value, int places) {
        if (value == Math.rint(value) && Math.abs(value) < 1e15) {
            return Long.toString((long) value);
        }
        return String.format(Locale.ROOT, "%." + places + "f", value);
    }
}
