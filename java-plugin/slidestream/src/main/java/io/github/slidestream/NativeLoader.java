package io.github.slidestream;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;

/**
 * Finds and loads the native library: the file that {@code -Dslidestream.jni} or {@code SLIDESTREAM_JNI} names, or the one for
 * this platform in the jar, which is extracted once for each content.
 */
final class NativeLoader {
    private static final String FILE = "libslidestream_jni.so";

    private NativeLoader() {}

    /** The platform's name, as in the classifiers of the jars with natives: {@code linux-x86_64}. */
    static String platform() {
        return platform(System.getProperty("os.name", ""), System.getProperty("os.arch", ""));
    }

    static String platform(String name, String arch) {
        String os = name.toLowerCase(Locale.ROOT);
        String system = os.startsWith("linux") ? "linux"
                : os.startsWith("mac") ? "osx" : os.startsWith("windows") ? "windows" : os.replaceAll("\\W", "");
        String machine = switch (arch.toLowerCase(Locale.ROOT)) {
            case "amd64", "x86_64", "x64" -> "x86_64";
            case "aarch64", "arm64" -> "aarch_64";
            default -> arch.toLowerCase(Locale.ROOT);
        };
        return system + "-" + machine;
    }

    static void load() {
        String named = System.getProperty("slidestream.jni", System.getenv("SLIDESTREAM_JNI"));
        if (named != null && !named.isBlank()) {
            Path file = Path.of(named).toAbsolutePath();
            if (!Files.isRegularFile(file)) {
                throw new NativeLibraryException("-Dslidestream.jni or SLIDESTREAM_JNI names " + file
                        + ", which is no file; name " + FILE + " or remove the setting");
            }
            link(file);
            return;
        }
        String resource = "native/" + platform() + "/" + FILE;
        byte[] content;
        try (InputStream stream = NativeLoader.class.getResourceAsStream(resource)) {
            if (stream == null) {
                throw new NativeLibraryException("there is no native library for " + platform() + " on the class path; "
                        + "slidestream has one for linux-x86_64 (add the jar slidestream-VERSION-linux-x86_64.jar)");
            }
            content = stream.readAllBytes();
        } catch (IOException error) {
            throw new NativeLibraryException("cannot read " + resource + " from the class path: " + error, error);
        }
        List<String> refused = new ArrayList<>();
        for (Path folder : folders()) {
            try {
                link(extract(content, folder));
                return;
            } catch (IOException | NativeLibraryException error) {
                refused.add(folder + " (" + error.getMessage() + ")");
            }
        }
        throw new NativeLibraryException("the native library could not be extracted and loaded from " + String.join(", ", refused)
                + "; -Dslidestream.cache may name another folder, which must allow programs");
    }

    /** Folders to extract to, the first that works is taken. */
    private static List<Path> folders() {
        String named = System.getProperty("slidestream.cache", System.getenv("SLIDESTREAM_CACHE"));
        if (named != null && !named.isBlank()) {
            return List.of(Path.of(named));
        }
        List<Path> folders = new ArrayList<>();
        String cache = System.getenv("XDG_CACHE_HOME");
        folders.add(cache != null && !cache.isBlank()
                ? Path.of(cache, "slidestream")
                : Path.of(System.getProperty("user.home", "."), ".cache", "slidestream"));
        folders.add(Path.of(System.getProperty("java.io.tmpdir"), "slidestream-" + System.getProperty("user.name")));
        return folders;
    }

    /** The file with this content, written if it is not there: beside its place first, so that no one sees a part of it. */
    static Path extract(byte[] content, Path folder) throws IOException {
        Files.createDirectories(folder);
        Path file = folder.resolve(sha256(content).substring(0, 32) + "-" + FILE);
        if (Files.isRegularFile(file) && sha256(Files.readAllBytes(file)).equals(sha256(content))) {
            return file;
        }
        Path draft = Files.createTempFile(folder, "draft-", ".so");
        try {
            Files.write(draft, content);
            Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(draft);
        }
        return file;
    }

    private static void link(Path file) {
        try {
            System.load(file.toString());
        } catch (UnsatisfiedLinkError error) {
            String message = String.valueOf(error.getMessage());
            if (message.contains("already loaded in another classloader")) {
                linkCopy(file);
                return;
            }
            throw new NativeLibraryException(explain(file, message), error);
        }
    }

    /** A JVM loads one file for one class loader only: the second one (a plugin, a second web application) gets a copy. */
    private static void linkCopy(Path file) {
        try {
            Path copy = Files.createTempFile("slidestream-", "-" + FILE);
            try {
                Files.copy(file, copy, StandardCopyOption.REPLACE_EXISTING);
                System.load(copy.toString());
            } finally {
                // It stays mapped; nothing is left in the folder.
                Files.deleteIfExists(copy);
            }
        } catch (IOException | UnsatisfiedLinkError error) {
            throw new NativeLibraryException("a second class loader needs a copy of " + file + ", which failed: "
                    + error.getMessage(), error);
        }
    }

    /** What the system's loader said, with the cure. */
    static String explain(Path file, String message) {
        String cause = "cannot load " + file + ": " + message;
        if (message.contains("GLIBC_")) {
            return cause + "; this system's C library is older than the library needs: use a distribution of 2021 or newer, or "
                    + "build slidestream on this system";
        }
        if (message.contains("ld-linux") || message.contains("libc.musl") || message.contains("__register_atfork")) {
            return cause + "; this system has no glibc (Alpine Linux has musl): use an image of a distribution with glibc";
        }
        if (message.contains("failed to map segment") || message.contains("Operation not permitted")) {
            return cause + "; its folder does not allow programs (noexec): -Dslidestream.cache may name another one";
        }
        if (message.contains("ELF") || message.contains("wrong") || message.contains("architecture")) {
            return cause + "; it is for another platform than " + platform();
        }
        return cause;
    }

    static String sha256(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException("every Java has SHA-256", error);
        }
    }
}
