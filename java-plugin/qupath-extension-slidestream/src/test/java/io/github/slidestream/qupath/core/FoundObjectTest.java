package io.github.slidestream.qupath.core;

import static io.github.slidestream.qupath.FakeImage.FACTORY;
import static io.github.slidestream.qupath.FakeImage.box;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.slidestream.qupath.FakeEngine;
import io.github.slidestream.qupath.engine.ObjectBatch;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.locationtech.jts.geom.Coordinate;
import org.locationtech.jts.geom.Geometry;

class FoundObjectTest {
    private final ObjectBatch batch = FakeEngine.squares(List.of(new double[] {100, 200}, new double[] {300, 200}));

    @Test
    void ringsAreShiftedAndKeepTheirHoles() {
        FoundObject first = FoundObject.of(batch, -100, -50, null, true).get(0);
        assertArrayEquals(new double[] {0, 150, 10, 150, 10, 160, 0, 160}, first.rings()[0]);
        assertEquals(2, first.rings().length);
        assertEquals(96, first.area());
        assertEquals(96, first.geometry().getArea());
        assertTrue(first.geometry().isValid());
        assertArrayEquals(new double[] {24}, first.measurements());
    }

    @Test
    void singleObjectsBelongWhereTheirCentreLies() {
        // The border runs through the first square, right of its centre.
        Border border = new Border(box(0, 0, 106, 800));
        List<FoundObject> found = FoundObject.of(batch, 0, 0, border, true);
        assertEquals(1, found.size());
        assertFalse(found.get(0).isCut());
        assertEquals(0, FoundObject.of(batch, 0, 0, new Border(box(0, 0, 104, 800)), true).size());
    }

    @Test
    void regionsAreCutAtTheBorder() {
        List<FoundObject> found = FoundObject.of(batch, 0, 0, new Border(box(0, 0, 104, 800)), false);
        assertEquals(1, found.size());
        assertTrue(found.get(0).isCut());
        assertEquals(40, found.get(0).area(), 1e-9);
        assertFalse(FoundObject.of(batch, 0, 0, new Border(box(0, 0, 200, 800)), false).get(0).isCut());
    }

    @Test
    void aCutThatOnlyTouchesLeavesNothing() {
        assertEquals(0, FoundObject.of(batch, 0, 0, new Border(box(0, 0, 100, 800)), false).size());
    }

    @Test
    void aBorderWithAHoleAndSeveralPartsIsHandedOverWhole() {
        Geometry ring = box(0, 0, 100, 100).difference(box(40, 40, 10, 10));
        Border border = new Border(ring.union(box(200, 0, 50, 50)));
        List<List<double[]>> rings = border.rings(5, 7);
        assertEquals(2, rings.size());
        assertEquals(3, rings.get(0).size() + rings.get(1).size());
        double smallest = rings.stream().flatMap(List::stream).mapToDouble(one -> one[0]).min().orElseThrow();
        assertEquals(5, smallest);
        assertFalse(border.holds(45, 45));
        assertTrue(border.holds(225, 25));
    }

    @Test
    void aBorderThatCrossesItselfStillHoldsItsInside() {
        Geometry bowtie = FACTORY.createPolygon(new Coordinate[] {
            new Coordinate(0, 0), new Coordinate(100, 100), new Coordinate(100, 0), new Coordinate(0, 100), new Coordinate(0, 0)});
        assertTrue(new Border(bowtie).holds(90, 50));
    }
}
