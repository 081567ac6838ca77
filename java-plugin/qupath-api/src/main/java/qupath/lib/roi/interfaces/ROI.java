package qupath.lib.roi.interfaces;

import org.locationtech.jts.geom.Geometry;

/** Signatures only. */
public interface ROI {
    int getZ();

    int getT();

    boolean isArea();

    boolean isEmpty();

    double getBoundsX();

    double getBoundsY();

    double getBoundsWidth();

    double getBoundsHeight();

    double getCentroidX();

    double getCentroidY();

    Geometry getGeometry();
}
