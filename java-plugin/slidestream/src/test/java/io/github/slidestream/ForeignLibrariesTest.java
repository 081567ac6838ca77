package io.github.slidestream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Hosts that have a libtorch (DJL) or an OpenSlide (QuPath) of their own in the same process. */
class ForeignLibrariesTest {
    @TempDir
    Path folder;

    /** Loads the libraries named after the first two arguments, segments an image, and tells what came out and who loaded what. */
    static final class Host {
        private Host() {}

        public static void main(String[] arguments) throws Exception {
            for (String library : Arrays.asList(arguments).subList(2, arguments.length)) {
                System.load(library);
            }
            try (Model model = Fixtures.model(Engine.shared()); Slide slide = Slide.open(Path.of(arguments[1]))) {
                List<double[]> rings = Fixtures.rings(Fixtures.everywhere(model).build().run(slide).batches());
                System.out.println("objects " + rings.size() + " " + rings.stream().mapToInt(Arrays::hashCode).sum());
            }
            maps("host", Path.of("/proc/self/maps"));
            maps("engine", Path.of("/proc/" + Engine.shared().pid().orElseThrow() + "/maps"));
        }

        private static void maps(String who, Path maps) throws IOException {
            try (Stream<String> lines = Files.lines(maps)) {
                lines.filter(line -> line.contains("libtorch_cpu") || line.contains("libopenslide"))
                        .map(line -> who + " " + line.substring(line.indexOf('/')))
                        .distinct()
                        .forEach(System.out::println);
            }
        }
    }

    /** Libraries that the program which computes is linked with, by the system's loader. */
    private static List<Path> libraries() throws Exception {
        ProcessBuilder process = new ProcessBuilder(System.getProperty("slidestream.engine") + "-torch");
        process.environment().put("LD_TRACE_LOADED_OBJECTS", "1");
        String listed = new String(process.start().getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return listed.lines()
                .filter(line -> line.contains(" => /") && !line.contains(" => /lib") && !line.contains(" => /usr"))
                .map(line -> Path.of(line.substring(line.indexOf("=> ") + 3, line.lastIndexOf(" ("))))
                .toList();
    }

    private String host(Path image, Path... libraries) throws Exception {
        List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java"));
        for (String name : new String[] {"engine", "cache", "models"}) {
            command.add("-Dslidestream." + name + "=" + System.getProperty("slidestream." + name));
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Host.class.getName(), Fixtures.nuclei(), image.toString()));
        Arrays.stream(libraries).map(Path::toString).forEach(command::add);
        return Fixtures.run(0, command);
    }

    private static String objects(String printed) {
        return printed.lines().filter(line -> line.startsWith("objects ")).findFirst().orElseThrow(() -> new AssertionError(printed));
    }

    @Test
    void aLibtorchAndAnOpenSlideOfTheHostAreLeftAloneAndChangeNothing() throws Exception {
        Path foreign = Files.createDirectory(folder.resolve("foreign"));
        for (Path library : libraries()) {
            // Other files of the same names; libtorch is half a gigabyte.
            Path twin = foreign.resolve(library.getFileName());
            try {
                Files.createLink(twin, library.toRealPath());
            } catch (IOException | UnsupportedOperationException error) {
                Files.copy(library, twin);
            }
        }
        Path image = Fixtures.write(Fixtures.tissue(600, 500), folder.resolve("tissue.png"));
        String alone = host(image);
        assertFalse(alone.contains("host /"), alone);
        assertTrue(alone.contains("engine /"), alone);
        for (String name : new String[] {"libtorch_cpu.so", "libopenslide.so.1"}) {
            String beside = host(image, foreign.resolve(name));
            assertEquals(objects(alone), objects(beside));
            assertTrue(beside.contains("host " + foreign.resolve(name)), beside);
            assertFalse(beside.contains("engine " + foreign), beside);
        }
    }
}
