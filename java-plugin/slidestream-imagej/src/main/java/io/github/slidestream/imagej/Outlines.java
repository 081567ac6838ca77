package io.github.slidestream.imagej;

import ij.gui.Overlay;
import ij.gui.PolygonRoi;
import ij.gui.Roi;
import ij.gui.ShapeRoi;
import io.github.slidestream.Model;
import io.github.slidestream.ObjectBatch;
import java.awt.Color;
import java.awt.geom.Path2D;

/** From objects to selections of ImageJ. */
final class Outlines {
    private Outlines() {}

    static void add(ObjectBatch batch, Model model, Overlay overlay) {
        for (int object = 0; object < batch.size(); object++) {
            Model.ModelClass found = model.classes().get(batch.classOf(object));
            Roi roi = batch.ringCount(object) == 1 ? polygon(batch.ring(object, 0)) : withHoles(batch, object);
            roi.setName(found.name());
            roi.setStrokeColor(new Color(found.rgb()));
            overlay.add(roi);
        }
    }

    private static Roi polygon(double[] xy) {
        float[] x = new float[xy.length / 2];
        float[] y = new float[xy.length / 2];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) xy[2 * i];
            y[i] = (float) xy[2 * i + 1];
        }
        return new PolygonRoi(x, y, Roi.POLYGON);
    }

    private static Roi withHoles(ObjectBatch batch, int object) {
        Path2D path = new Path2D.Double(Path2D.WIND_EVEN_ODD);
        for (int ring = 0; ring < batch.ringCount(object); ring++) {
            double[] xy = batch.ring(object, ring);
            path.moveTo(xy[0], xy[1]);
            for (int i = 2; i < xy.length; i += 2) {
                path.lineTo(xy[i], xy[i + 1]);
            }
            path.closePath();
        }
        return new ShapeRoi(path);
    }
}
