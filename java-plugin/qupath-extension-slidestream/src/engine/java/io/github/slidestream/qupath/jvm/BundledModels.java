package io.github.slidestream.qupath.jvm;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** The model packages inside the jar, written to where the engine looks when it has none of their name. */
final class BundledModels {
    private static final String FOLDER = "io/github/slidestream/qupath/models";

    private BundledModels() {}

    /**
     * Where the engine looks in the user's home.
     *
     * @return the folder; may be absent
     */
    static Path home() {
        String data = System.getenv("XDG_DATA_HOME");
        Path home = data != null && !data.isBlank() ? Path.of(data) : Path.of(System.getProperty("user.home"), ".local", "share");
        return home.resolve("slidestream").resolve("models");
    }

    /**
     * Writes the packages that are missing; each is there whole or not at all.
     *
     * @param known names that the engine has
     * @param place where to
     * @return names of those written
     * @throws IOException if the jar cannot be read or the folder not written
     */
    static List<String> unpack(Set<String> known, Path place) throws IOException {
        URI source;
        try {
            source = BundledModels.class.getProtectionDomain().getCodeSource().getLocation().toURI();
        } catch (URISyntaxException error) {
            throw new IOException("the extension's own place is no address", error);
        }
        Path self = Path.of(source);
        if (Files.isDirectory(self)) {
            return copy(self.resolve(FOLDER), known, place);
        }
        try (FileSystem jar = FileSystems.newFileSystem(self, Map.of())) {
            return copy(jar.getPath(FOLDER), known, place);
        }
    }

    private static List<String> copy(Path packages, Set<String> known, Path place) throws IOException {
        List<String> written = new ArrayList<>();
        List<Path> all;
        try (Stream<Path> listed = Files.list(packages)) {
            all = listed.filter(one -> Files.isRegularFile(one.resolve("model.toml"))).toList();
        }
        for (Path one : all) {
            String name = one.getFileName().toString().replace("/", "");
            Path target = place.resolve(name);
            if (!known.contains(name) && !Files.exists(target)) {
                Files.createDirectories(place);
                move(one, Files.createTempDirectory(place, ".draft-"), target);
                written.add(name);
            }
        }
        return written;
    }

    private static void move(Path from, Path draft, Path target) throws IOException {
        try {
            try (Stream<Path> files = Files.walk(from)) {
                for (Path file : (Iterable<Path>) files::iterator) {
                    Path to = draft.resolve(from.relativize(file).toString());
                    if (Files.isDirectory(file)) {
                        Files.createDirectories(to);
                    } else {
                        Files.copy(file, to);
                    }
                }
            }
            Files.move(draft, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException error) {
            try (Stream<Path> left = Files.walk(draft)) {
                for (Path file : left.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
            throw error;
        }
    }
}
