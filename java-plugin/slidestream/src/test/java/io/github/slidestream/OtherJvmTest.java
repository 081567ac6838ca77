package io.github.slidestream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole programs in JVMs of their own. */
class OtherJvmTest {
    @TempDir
    Path folder;

    /** This Java, and the other one that the tests run on if it is there. */
    static Stream<String> javas() {
        return Stream.of(System.getProperty("java.home"), System.getProperty("slidestream.jdk25"))
                .map(home -> home + "/bin/java")
                .filter(java -> Files.isExecutable(Path.of(java)))
                .distinct();
    }

    private static List<String> command(String java, String... rest) {
        List<String> command = new ArrayList<>(List.of(java, "-Xcheck:jni"));
        if (!java.contains("17")) {
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        for (String name : new String[] {"engine", "cache"}) {
            command.add("-Dslidestream." + name + "=" + System.getProperty("slidestream." + name));
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(rest));
        return command;
    }

    @Test
    void theExampleRunsWithoutAWarningOfTheJniChecker() throws Exception {
        Path image = Fixtures.write(Fixtures.tissue(500, 400), folder.resolve("tissue.png"));
        for (String java : javas().toList()) {
            Path out = folder.resolve("out.geojson");
            String printed = Fixtures.run(0, command(java, "SegmentSlide", image.toString(), Fixtures.nuclei(), out.toString(), "0.5"));
            assertTrue(!printed.contains("WARNING") && !printed.contains("FATAL"), java + ":\n" + printed);
            Map<String, Object> json = Json.object(Json.parse(Files.readString(out)));
            int features = Json.list(json.get("features")).size();
            assertTrue(features > 10 && printed.contains(features + " objects on "), printed);
            assertEquals("FeatureCollection", json.get("type"));
        }
    }

    /** Ends in the middle of a job: the JVM must not wait for it, and the engine must not stay. */
    static final class EndsInAJob {
        private EndsInAJob() {}

        public static void main(String[] arguments) throws Exception {
            Model model = Model.load(arguments[0]);
            Slide slide = Slide.of(new Fixtures.InMemory(Fixtures.tissue(3000, 3000)));
            Fixtures.everywhere(model).build().runAsync(slide);
            System.out.println("engine " + Engine.shared().pid().orElseThrow());
        }
    }

    @Test
    void aJvmThatEndsInTheMiddleOfAJobTakesItsEngineWithIt() throws Exception {
        for (String java : javas().toList()) {
            String printed = Fixtures.run(0, command(java, EndsInAJob.class.getName(), Fixtures.nuclei()));
            String pid = printed.lines().filter(line -> line.startsWith("engine ")).findFirst().orElseThrow().substring(7);
            Fixtures.until("the engine has ended", () -> ProcessHandle.of(Long.parseLong(pid)).isEmpty());
        }
    }

    /** Prints what is wrong with the installation. */
    static final class Describes {
        private Describes() {}

        public static void main(String[] arguments) {
            System.out.println(Diagnostics.describe());
            try {
                Devices.list();
            } catch (SlidestreamException error) {
                System.out.println(error.getClass().getSimpleName() + ": " + error.getMessage());
            }
        }
    }

    @Test
    void aMissingPartIsNamedWithItsCure() throws Exception {
        String java = System.getProperty("java.home") + "/bin/java";
        List<String> command = command(java, Describes.class.getName());
        command.add(1, "-Dslidestream.jni=/nowhere/lib.so");
        String printed = Fixtures.run(0, command);
        assertTrue(printed.contains("FAILED: -Dslidestream.jni or SLIDESTREAM_JNI names /nowhere/lib.so, which is no file"), printed);
        assertTrue(printed.contains("NativeLibraryException: "), printed);

        List<String> without = new ArrayList<>(List.of(java, "-Duser.home=" + folder, "-cp", System.getProperty("java.class.path")));
        without.add("-Dslidestream.cache=" + System.getProperty("slidestream.cache"));
        without.add(Describes.class.getName());
        ProcessBuilder process = new ProcessBuilder(without).redirectErrorStream(true);
        process.environment().put("PATH", folder.toString());
        process.environment().remove("SLIDESTREAM_ENGINE");
        process.environment().remove("XDG_DATA_HOME");
        String text = new String(process.start().getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(text.contains("EngineException: no program `slidestream` was found"), text);
    }
}
