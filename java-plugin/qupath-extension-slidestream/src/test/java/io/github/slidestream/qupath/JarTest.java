package io.github.slidestream.qupath;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What QuPath will find in the classes, read from their bytes. */
class JarTest {
    private static final Path CLASSES = Path.of("target", "classes");

    private static List<Path> classes() throws IOException {
        try (Stream<Path> files = Files.walk(CLASSES)) {
            return files.filter(file -> file.toString().endsWith(".class")).toList();
        }
    }

    @Test
    void everyClassRunsOnJava21() throws IOException {
        assertFalse(classes().isEmpty());
        for (Path file : classes()) {
            byte[] bytes = Files.readAllBytes(file);
            assertTrue((bytes[6] << 8 | bytes[7]) <= 65, file + " would stop QuPath 0.6 from starting");
        }
    }

    @Test
    void noSignatureIsPacked() throws IOException {
        for (Path file : classes()) {
            assertTrue(file.startsWith(CLASSES.resolve("io/github/slidestream")), file.toString());
        }
    }

    @Test
    void theExtensionIsAnnounced() throws Exception {
        Path service = CLASSES.resolve("META-INF/services/qupath.lib.gui.extensions.QuPathExtension");
        assertEquals("io.github.slidestream.qupath.SlidestreamExtension", Files.readString(service).strip());
        Class.forName("io.github.slidestream.qupath.SlidestreamExtension", false, getClass().getClassLoader());
    }

    /** As QuPath's extension manager checks it: fields, names, and where jars may come from. */
    @Test
    void theCatalogNamesThisVersion() throws IOException {
        JsonObject extension = JsonParser.parseString(Files.readString(Path.of("..", "..", "catalog.json"))).getAsJsonObject()
                .getAsJsonArray("extensions").get(0).getAsJsonObject();
        JsonObject release = extension.getAsJsonArray("releases").get(0).getAsJsonObject();
        String version = Files.readString(Path.of("pom.xml")).replaceAll("(?s).*?<version>([^<]+)</version>.*", "$1");
        assertEquals("v" + version, release.get("name").getAsString());
        assertEquals("v0.6.0", release.getAsJsonObject("version_range").get("min").getAsString());
        String jar = release.get("main_url").getAsString();
        assertTrue(jar.startsWith(extension.get("homepage").getAsString() + "/releases/download/v" + version + "/"), jar);
        assertTrue(jar.startsWith("https://github.com/") && jar.endsWith("/qupath-extension-slidestream-" + version + ".jar"), jar);
    }

    /** A new member of QuPath must be looked up in 0.6 and 0.7 before it goes into the list. */
    @Test
    void onlyListedMembersOfQuPathAreUsed() throws IOException {
        TreeSet<String> used = new TreeSet<>();
        for (Path file : classes()) {
            used.addAll(members(Files.readAllBytes(file)));
        }
        Path list = Path.of("src", "test", "resources", "qupath-members.txt");
        List<String> known = Files.readAllLines(list).stream().filter(line -> !line.startsWith("#")).toList();
        assertEquals(String.join("\n", known), String.join("\n", used), "check new ones against QuPath 0.6 and 0.7, then add them to " + list);
    }

    /** Owner, name and descriptor of each field and method of QuPath that the constant pool names. */
    private static List<String> members(byte[] bytes) throws IOException {
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
        in.skipBytes(8);
        int count = in.readUnsignedShort();
        String[] text = new String[count];
        int[][] pairs = new int[count][];
        int[] tags = new int[count];
        for (int i = 1; i < count; i++) {
            tags[i] = in.readUnsignedByte();
            switch (tags[i]) {
                case 1 -> text[i] = in.readUTF();
                case 7, 8, 16, 19, 20 -> pairs[i] = new int[] {in.readUnsignedShort()};
                case 9, 10, 11, 12, 17, 18 -> pairs[i] = new int[] {in.readUnsignedShort(), in.readUnsignedShort()};
                case 3, 4 -> in.readInt();
                case 5, 6 -> {
                    in.readLong();
                    i++;
                }
                case 15 -> in.skipBytes(3);
                default -> throw new IOException("constant of kind " + tags[i]);
            }
        }
        List<String> members = new ArrayList<>();
        for (int i = 1; i < count; i++) {
            if (tags[i] >= 9 && tags[i] <= 11) {
                String owner = text[pairs[pairs[i][0]][0]];
                int[] name = pairs[pairs[i][1]];
                if (owner.startsWith("qupath/")) {
                    members.add(owner + "." + text[name[0]] + ":" + text[name[1]]);
                }
            }
        }
        return members;
    }
}
