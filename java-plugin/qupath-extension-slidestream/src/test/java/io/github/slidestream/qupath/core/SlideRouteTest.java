package io.github.slidestream.qupath.core;

import static io.github.slidestream.qupath.FakeImage.openslide;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SlideRouteTest {
    private static final Map<String, String> PLAIN = Map.of("level0.width", "1000", "level0.height", "800");
    private static final Map<String, String> BOUNDED = Map.of("level0.width", "1000", "level0.height", "800",
            "openslide.bounds-x", "100", "openslide.bounds-y", "50", "openslide.bounds-width", "600", "openslide.bounds-height", "500");

    @TempDir Path folder;
    private URI uri;
    private Path file;

    @BeforeEach
    void slide() throws IOException {
        file = Files.createFile(folder.resolve("slide with space.svs")).toRealPath();
        uri = file.toUri();
    }

    @Test
    void aPlainSlideOfOpenslideIsReadFromTheFile() {
        assertEquals(new SlideRoute.File(file, 0, 0), SlideRoute.choose(openslide(uri, 1000, 800), path -> PLAIN));
    }

    @Test
    void anImageOfTheBoundsSizeStartsAtTheBounds() {
        assertEquals(new SlideRoute.File(file, 100, 50), SlideRoute.choose(openslide(uri, 600, 500), path -> BOUNDED));
    }

    @Test
    void croppingSwitchedOffStartsAtTheOrigin() {
        assertEquals(new SlideRoute.File(file, 0, 0), SlideRoute.choose(openslide(uri, 1000, 800, "--no-crop"), path -> BOUNDED));
        Map<String, String> full = Map.of("level0.width", "600", "level0.height", "500",
                "openslide.bounds-x", "7", "openslide.bounds-y", "9", "openslide.bounds-width", "600", "openslide.bounds-height", "500");
        assertEquals(new SlideRoute.File(file, 0, 0), SlideRoute.choose(openslide(uri, 600, 500, "--no-crop"), path -> full));
        assertEquals(new SlideRoute.File(file, 7, 9), SlideRoute.choose(openslide(uri, 600, 500), path -> full));
    }

    @Test
    void everyWrapperAndOtherReaderGoesThroughQuPath() {
        for (String name : List.of("CroppedImageServer", "RotatedImageServer", "ColorDeconvolutionImageServer", "TransformedServer",
                "openslide.OpenslideIccImageServer", "bioformats.BioFormatsImageServer")) {
            ServerFacts facts = new ServerFacts("qupath.lib.images.servers." + name, List.of(uri), List.of(), 1000, 800, 1);
            SlideRoute route = SlideRoute.choose(facts, path -> PLAIN);
            assertInstanceOf(SlideRoute.Host.class, route, name);
            assertTrue(route.text().contains(name.substring(name.lastIndexOf('.') + 1)), route.text());
        }
    }

    @Test
    void anImageOfAnotherSizeGoesThroughQuPath() {
        SlideRoute route = SlideRoute.choose(openslide(uri, 400, 300), path -> BOUNDED);
        assertInstanceOf(SlideRoute.Host.class, route);
        assertTrue(route.text().contains("400 x 300") && route.text().contains("600 x 500"), route.text());
    }

    @Test
    void planesSeveralFilesAndOtherSchemesGoThroughQuPath() {
        ServerFacts stack = new ServerFacts(SlideRoute.OPENSLIDE, List.of(uri), List.of(), 1000, 800, 3);
        ServerFacts two = new ServerFacts(SlideRoute.OPENSLIDE, List.of(uri, uri), List.of(), 1000, 800, 1);
        ServerFacts web = openslide(URI.create("https://omero.example/1"), 1000, 800);
        for (ServerFacts facts : List.of(stack, two, web)) {
            assertInstanceOf(SlideRoute.Host.class, SlideRoute.choose(facts, path -> PLAIN));
        }
    }

    @Test
    void aFileThatIsGoneOrUnreadableSaysSo() {
        SlideRoute gone = SlideRoute.choose(openslide(URI.create("file:/nowhere/x.svs"), 1000, 800), path -> PLAIN);
        assertTrue(gone.text().contains("cannot be found"), gone.text());
        SlideRoute bad = SlideRoute.choose(openslide(uri, 1000, 800), path -> {
            throw new IOException("no TIFF");
        });
        assertTrue(bad.text().contains("no TIFF"), bad.text());
    }
}
