import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.locationtech.jts.geom.Coordinate;
import org.locationtech.jts.geom.GeometryFactory;
import org.locationtech.jts.geom.LinearRing;
import org.locationtech.jts.geom.Polygon;
import org.locationtech.jts.operation.valid.IsValidOp;
import org.locationtech.jts.operation.valid.TopologyValidationError;

/**
 * Checks polygons with JTS, the geometry library that QuPath uses. Each line of the input file is
 * {@code AREA|x y,x y,...|x y,...}: the expected area (or {@code -} for none), the exterior and the holes, rings
 * closed. Prints each fault and a last line {@code checked N, faults M}.
 */
public final class CheckPolygons {
    private static final GeometryFactory FACTORY = new GeometryFactory();

    private CheckPolygons() {}

    public static void main(String[] args) throws IOException {
        int checked = 0;
        int faults = 0;
        try (BufferedReader lines = Files.newBufferedReader(Path.of(args[0]))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                checked++;
                String fault = fault(line.split("\\|"));
                if (fault != null) {
                    faults++;
                    System.out.println("line " + checked + ": " + fault + ": " + line);
                }
            }
        }
        System.out.println("checked " + checked + ", faults " + faults);
    }

    private static String fault(String[] fields) {
        LinearRing exterior = ring(fields[1]);
        List<LinearRing> holes = new ArrayList<>();
        for (int i = 2; i < fields.length; i++) {
            holes.add(ring(fields[i]));
        }
        Polygon polygon = FACTORY.createPolygon(exterior, holes.toArray(new LinearRing[0]));
        TopologyValidationError error = new IsValidOp(polygon).getValidationError();
        if (error != null) {
            return error.toString();
        }
        if (!fields[0].equals("-") && polygon.getArea() != Double.parseDouble(fields[0])) {
            return "area " + polygon.getArea();
        }
        return null;
    }

    private static LinearRing ring(String text) {
        String[] points = text.split(",");
        Coordinate[] coordinates = new Coordinate[points.length];
        for (int i = 0; i < points.length; i++) {
            String[] xy = points[i].split(" ");
            coordinates[i] = new Coordinate(Double.parseDouble(xy[0]), Double.parseDouble(xy[1]));
        }
        return FACTORY.createLinearRing(coordinates);
    }
}
