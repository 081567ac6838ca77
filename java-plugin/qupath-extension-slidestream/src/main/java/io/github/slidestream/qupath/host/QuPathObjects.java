package io.github.slidestream.qupath.host;

import io.github.slidestream.qupath.core.FoundObject;
import io.github.slidestream.qupath.core.Output;
import io.github.slidestream.qupath.core.Tally;
import io.github.slidestream.qupath.core.Target;
import io.github.slidestream.qupath.engine.LoadedModel;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import qupath.lib.measurements.MeasurementList;
import qupath.lib.objects.PathObject;
import qupath.lib.objects.PathObjects;
import qupath.lib.objects.classes.PathClass;
import qupath.lib.objects.hierarchy.PathObjectHierarchy;
import qupath.lib.regions.ImagePlane;
import qupath.lib.roi.GeometryTools;
import qupath.lib.roi.ROIs;
import qupath.lib.roi.interfaces.ROI;

/** Found objects as QuPath's. */
final class QuPathObjects {
    /** Key of an annotation's metadata that tells who made it. */
    static final String MADE_BY = "slidestream model";

    /** Name of the measurement with the mean probability. */
    static final String PROBABILITY = "Probability";

    private QuPathObjects() {}

    static void replace(PathObjectHierarchy hierarchy, Target target, List<FoundObject> found, LoadedModel model, Output output) {
        PathObject parent = (PathObject) target.handle();
        ImagePlane plane = ImagePlane.getPlane(target.z(), target.t());
        List<PathClass> classes = model.classes().stream()
                .map(one -> PathClass.fromString(one.name(), one.rgb()))
                .toList();
        List<PathObject> made = found.parallelStream().map(one -> object(one, classes, model, plane, output)).toList();
        List<PathObject> old = new ArrayList<>();
        for (PathObject child : parent.getChildObjects()) {
            boolean ours = child.isAnnotation() && child.getMetadata().containsKey(MADE_BY);
            if (output == Output.DETECTIONS ? child.isDetection() : ours) {
                old.add(child);
            }
        }
        parent.removeChildObjects(old);
        parent.addChildObjects(made);
        if (parent.isAnnotation()) {
            parent.setLocked(true);
        }
        hierarchy.fireHierarchyChangedEvent(QuPathObjects.class, parent);
    }

    private static PathObject object(
            FoundObject found, List<PathClass> classes, LoadedModel model, ImagePlane plane, Output output) {
        ROI roi = roi(found, plane);
        // QuPath computes the shape's moments once and at the first repaint, for all objects on one thread: do it here.
        roi.getCentroidX();
        PathClass pathClass = classes.get(found.classIndex());
        PathObject object;
        if (output == Output.DETECTIONS) {
            object = PathObjects.createDetectionObject(roi, pathClass);
        } else {
            object = PathObjects.createAnnotationObject(roi, pathClass);
            object.getMetadata().put(MADE_BY, model.name());
        }
        MeasurementList list = object.getMeasurementList();
        list.put(PROBABILITY, found.score());
        if (!found.isCut()) {
            for (int i = 0; i < model.measurements().size(); i++) {
                list.put(model.measurements().get(i), found.measurements()[i]);
            }
        }
        list.close();
        return object;
    }

    static ROI roi(FoundObject found, ImagePlane plane) {
        if (found.isCut() || found.rings().length > 1) {
            return GeometryTools.geometryToROI(found.geometry(), plane);
        }
        double[] ring = found.rings()[0];
        double[] x = new double[ring.length / 2];
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            x[i] = ring[2 * i];
            y[i] = ring[2 * i + 1];
        }
        return ROIs.createPolygonROI(x, y, plane);
    }

    static void measure(PathObjectHierarchy hierarchy, PathObject target, String prefix, Collection<Tally.Number> numbers) {
        MeasurementList list = target.getMeasurementList();
        list.removeAll(list.getNames().stream().filter(name -> name.startsWith(prefix)).toArray(String[]::new));
        numbers.forEach(number -> list.put(number.name(), number.value()));
        list.close();
        hierarchy.fireObjectMeasurementsChangedEvent(QuPathObjects.class, List.of(target));
    }
}
