package io.github.slidestream.qupath.train;

import static io.github.slidestream.qupath.FakeImage.box;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.slidestream.qupath.FakeImage;
import io.github.slidestream.qupath.core.OpenImage.Labelled;
import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.locationtech.jts.geom.Geometry;

class TrainingSetTest {
    @TempDir Path folder;
    private final FakeImage image = new FakeImage();

    @BeforeEach
    void annotate() {
        region(box(100, 100, 300, 300));
        region(box(500, 400, 400, 300));
        object("Tumour", box(120, 140, 40, 20));
        object("Tumour", box(160, 140, 40, 20));
        object("Other", box(300, 300, 40, 40));
        object("Tumour", box(880, 500, 100, 40));
        object("Tumour", box(0, 0, 20, 20));
    }

    private void region(Geometry outline) {
        image.labelled.add(new Labelled("Region*", outline, 0, 0));
    }

    private void object(String name, Geometry outline) {
        image.labelled.add(new Labelled(name, outline, 0, 0));
    }

    private TrainingSet set(Labels labels, String... classes) {
        return new TrainingSet(List.of(new Annotated(image)), null, "Region*", List.of(classes), labels, 0.5);
    }

    @Test
    void imagesAndNumbersLieWhereTheRegionsDo() throws IOException {
        TrainingSet.Written written = set(Labels.INSTANCES, "Tumour").write(folder, (done, total) -> {});
        assertEquals(new TrainingSet.Written(1, 2, 3, 150), written);
        BufferedImage picture = ImageIO.read(new File(folder.toFile(), "image/region-001-001.png"));
        BufferedImage mask = ImageIO.read(new File(folder.toFile(), "label/region-001-001.png"));
        assertEquals(150, picture.getWidth());
        assertEquals(150, mask.getWidth());
        assertEquals(16, mask.getColorModel().getPixelSize());
        // At 0.5 µm: the first object covers 10..30 x 20..30, its neighbour 30..50.
        assertEquals(1, mask.getRaster().getSample(10, 20, 0));
        assertEquals(1, mask.getRaster().getSample(29, 29, 0));
        assertEquals(2, mask.getRaster().getSample(30, 20, 0));
        assertEquals(0, mask.getRaster().getSample(9, 20, 0));
        assertEquals(0, mask.getRaster().getSample(29, 30, 0));
        assertEquals(0, mask.getRaster().getSample(110, 110, 0), "the class that was not ticked is background");
        assertEquals(List.of("file,group,split", "region-001-001.png,region-1,train", "region-002-002.png,region-2,val"),
                Files.readAllLines(folder.resolve("index.csv")));
        // The picture's red tells its place: pixel 0 is image pixel 100.
        assertEquals(100 * 255 / 1000, picture.getRGB(0, 0) >> 16 & 0xff);
    }

    @Test
    void anObjectThatLeavesItsRegionIsCutThere() throws IOException {
        set(Labels.INSTANCES, "Tumour").write(folder, (done, total) -> {});
        BufferedImage mask = ImageIO.read(new File(folder.toFile(), "label/region-002-002.png"));
        assertEquals(1, mask.getRaster().getSample(199, 55, 0));
        assertEquals(0, mask.getRaster().getSample(189, 55, 0));
    }

    @Test
    void regionsBecomeOneMaskOfBytes() throws IOException {
        set(Labels.AREA, "Tumour", "Other").write(folder, (done, total) -> {});
        BufferedImage mask = ImageIO.read(new File(folder.toFile(), "label/region-001-001.png"));
        assertEquals(8, mask.getColorModel().getPixelSize());
        assertEquals(255, mask.getRaster().getSample(10, 20, 0));
        assertEquals(255, mask.getRaster().getSample(110, 110, 0));
    }

    @Test
    void holesStayBackground() throws IOException {
        image.labelled.clear();
        region(box(0, 0, 300, 300));
        region(box(400, 0, 300, 300));
        object("Tumour", box(100, 100, 100, 100).difference(box(140, 140, 20, 20)));
        set(Labels.INSTANCES, "Tumour").write(folder, (done, total) -> {});
        BufferedImage mask = ImageIO.read(new File(folder.toFile(), "label/region-001-001.png"));
        assertEquals(1, mask.getRaster().getSample(60, 60, 0));
        assertEquals(0, mask.getRaster().getSample(75, 75, 0));
    }

    @Test
    void widerRegionsAreCutIntoPiecesOfOneGroup() throws IOException {
        image.labelled.clear();
        region(box(0, 0, 1000, 800));
        region(box(0, 0, 300, 300));
        TrainingSet.Written written = new TrainingSet(List.of(new Annotated(image)), null, "Region*", List.of("Tumour"), Labels.INSTANCES, 0.25 * 0.8)
                .write(folder, (done, total) -> {});
        assertEquals(3, written.pieces());
        assertEquals(2, Files.readAllLines(folder.resolve("index.csv")).stream().filter(line -> line.contains("region-1,")).count());
    }

    @Test
    void surveysCountWhatLiesInRegions() {
        assertEquals(new TrainingSet.Survey(1, 2, 2, null), set(Labels.INSTANCES, "Tumour").survey());
        assertEquals(new TrainingSet.Survey(1, 2, 3, null), set(Labels.INSTANCES, "Tumour", "Other").survey());
        assertTrue(set(Labels.INSTANCES, "Stroma").survey().refusal().contains("ticked classes"));
        assertTrue(set(Labels.INSTANCES).survey().refusal().contains("Tick"));
    }

    @Test
    void badRegionsAreRefusedWithTheirNumber() {
        region(box(0, 500, 100, 300));
        assertTrue(set(Labels.INSTANCES, "Tumour").survey().refusal().contains("Region 3"), set(Labels.INSTANCES, "Tumour").survey().refusal());
        image.labelled.remove(image.labelled.size() - 1);
        region(box(0, 500, 300, 300).difference(box(0, 500, 100, 100)));
        assertTrue(set(Labels.INSTANCES, "Tumour").survey().refusal().contains("no rectangle"));
        image.labelled.removeIf(one -> one.className().equals("Region*"));
        assertTrue(set(Labels.INSTANCES, "Tumour").survey().refusal().contains("no region"));
        region(box(100, 100, 300, 300));
        assertTrue(set(Labels.INSTANCES, "Tumour").survey().refusal().contains("one to check on"));
    }

    @Test
    void everyFifthRegionChecksAndTheLastOfFew() {
        assertTrue(TrainingSet.checks(1, 2));
        assertFalse(TrainingSet.checks(0, 2));
        assertTrue(TrainingSet.checks(4, 10));
        assertFalse(TrainingSet.checks(5, 10));
        assertTrue(TrainingSet.checks(9, 10));
    }

    @Test
    void eachClassHasItsLevelAndTheSmallerObjectLiesOnTop() throws IOException {
        image.labelled.clear();
        region(box(0, 0, 300, 300));
        region(box(400, 0, 300, 300));
        object("Stroma", box(20, 20, 40, 40));
        object("Tumour", box(0, 0, 200, 200));
        object("Other", box(210, 210, 40, 40));
        set(Labels.CLASSES, "Stroma", "Tumour").write(folder, (done, total) -> {});
        BufferedImage mask = ImageIO.read(new File(folder.toFile(), "label/region-001-001.png"));
        assertEquals(8, mask.getColorModel().getPixelSize());
        assertEquals(1, mask.getRaster().getSample(15, 15, 0), "stroma on tumour, though it comes first");
        assertEquals(2, mask.getRaster().getSample(50, 50, 0));
        assertEquals(0, mask.getRaster().getSample(110, 110, 0));
    }

    @Test
    void aClassThatNothingTeachesIsNamed() {
        assertTrue(set(Labels.CLASSES, "Tumour").survey().refusal().contains("at least two"));
        String refusal = set(Labels.CLASSES, "Tumour", "Stroma").survey().refusal();
        assertTrue(refusal.contains("class Stroma") && refusal.contains("learnt from"), refusal);
        image.labelled.removeIf(one -> one.box().getMinX() < 500 && one.className().equals("Tumour"));
        object("Tumour", box(600, 500, 40, 40));
        assertTrue(set(Labels.INSTANCES, "Tumour").survey().refusal().contains("regions for checking"));
    }

    @Test
    void severalImagesAreHeldOutWhole() throws IOException {
        FakeImage second = new FakeImage();
        second.name = "b.svs";
        second.microns = OptionalDouble.of(0.5);
        second.labelled.add(new Labelled("Region*", box(0, 0, 200, 200), 0, 0));
        second.labelled.add(new Labelled("Tumour", box(20, 40, 20, 20), 0, 0));
        FakeImage without = new FakeImage();
        without.labelled.add(new Labelled("Tumour", box(20, 40, 20, 20), 0, 0));
        List<Annotated> all = List.of(new Annotated(image), new Annotated(without), new Annotated(second));
        TrainingSet set = new TrainingSet(all, null, "Region*", List.of("Tumour"), Labels.INSTANCES, 0.5);
        assertEquals(new TrainingSet.Survey(2, 3, 3, null), set.survey());
        set.write(folder, (done, total) -> {});
        assertEquals(List.of("file,group,split", "region-001-001.png,image-1,train", "region-002-002.png,image-1,train",
                "region-003-003.png,image-2,val"), Files.readAllLines(folder.resolve("index.csv")));
        BufferedImage mask = ImageIO.read(new File(folder.toFile(), "label/region-003-003.png"));
        assertEquals(200, mask.getWidth(), "each image at its own pixel size");
        assertEquals(1, mask.getRaster().getSample(20, 40, 0));
        second.microns = OptionalDouble.empty();
        assertTrue(set.survey().refusal().startsWith("b.svs: "), set.survey().refusal());
    }

    @Test
    void eachPlaneHasItsOwnObjects() throws IOException {
        image.labelled.clear();
        image.labelled.add(new Labelled("Region*", box(0, 0, 200, 200), 1, 0));
        image.labelled.add(new Labelled("Region*", box(0, 0, 200, 200), 1, 2));
        image.labelled.add(new Labelled("Tumour", box(20, 20, 40, 40), 1, 0));
        image.labelled.add(new Labelled("Tumour", box(100, 100, 40, 40), 0, 0));
        set(Labels.AREA, "Tumour").write(folder, (done, total) -> {});
        BufferedImage mask = ImageIO.read(new File(folder.toFile(), "label/region-001-001.png"));
        assertEquals(255, mask.getRaster().getSample(20, 20, 0));
        assertEquals(0, mask.getRaster().getSample(60, 60, 0), "another slice's object");
        BufferedImage other = ImageIO.read(new File(folder.toFile(), "label/region-002-002.png"));
        assertEquals(0, other.getRaster().getSample(20, 20, 0), "another time's object");
    }
}
