package io.github.slidestream;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * Puts the engine on a machine that has none: from an archive that {@code slidestream pack} made, in a file or on a server.
 * The archive is checked against its sum and every file in it against its own; only then the new engine appears, at once. An
 * engine that was there stays until then, and whatever fails.
 *
 * <pre>{@code
 * EngineInstaller.from(URI.create("https://example.org/slidestream-engine-linux-x86_64-cpu.tar.zst"))
 *         .onProgress(p -> System.out.printf("%s %.0f %%%n", p.text(), 100 * p.share()))
 *         .install();
 * }</pre>
 */
public final class EngineInstaller {
    private static final String PROGRAM = "slidestream";

    private final Path archive;
    private final URI address;
    private String sha256;
    private Path place = usualPlace();
    private Path downloads;
    private Duration stall = Duration.ofSeconds(30);
    private Consumer<Progress> listener = progress -> {};
    private CancelToken token = new CancelToken();

    private EngineInstaller(Path archive, URI address) {
        this.archive = archive;
        this.address = address;
    }

    /**
     * Takes a file, for machines without a network.
     *
     * @param archive the archive
     * @return an installer
     */
    public static EngineInstaller from(Path archive) {
        return new EngineInstaller(Objects.requireNonNull(archive), null);
    }

    /**
     * Takes an address. An interrupted download goes on where it stopped. Proxies are those of the JVM.
     *
     * @param address of http or https
     * @return an installer
     * @throws OptionException for another kind of address
     */
    public static EngineInstaller from(URI address) {
        String scheme = String.valueOf(address.getScheme()).toLowerCase(Locale.ROOT);
        if (!scheme.equals("http") && !scheme.equals("https") || address.getHost() == null) {
            throw new OptionException("the address " + address + " is none of http or https; for a file give its path");
        }
        return new EngineInstaller(null, address);
    }

    /**
     * Where an engine is looked for that nothing else names.
     *
     * @return {@code ~/.local/share/slidestream/engine}, or below {@code XDG_DATA_HOME}
     */
    public static Path usualPlace() {
        String data = System.getenv("XDG_DATA_HOME");
        Path home = data != null && !data.isBlank() ? Path.of(data) : Path.of(System.getProperty("user.home", "."), ".local", "share");
        return home.resolve("slidestream").resolve("engine").toAbsolutePath();
    }

    /**
     * The archive's sum. Without it an address needs a file beside the archive that ends in {@code .sha256}, and a file is
     * checked by the sums inside it alone.
     *
     * @param sum 64 hexadecimal digits; null or blank for none
     * @return this
     * @throws OptionException if it is no such sum
     */
    public EngineInstaller sha256(String sum) {
        if (sum != null && !sum.isBlank() && !sum.strip().matches("[0-9a-fA-F]{64}")) {
            throw new OptionException("the checksum `" + sum + "` is no sha256: it has 64 hexadecimal digits");
        }
        this.sha256 = sum == null || sum.isBlank() ? null : sum.strip().toLowerCase(Locale.ROOT);
        return this;
    }

    /**
     * Another folder than the usual one; absent, or that of an engine, which is replaced.
     *
     * @param folder the folder
     * @return this
     */
    public EngineInstaller place(Path folder) {
        this.place = folder.toAbsolutePath();
        return this;
    }

    /**
     * Folder for downloads; beside the engine by default.
     *
     * @param folder the folder; created if needed
     * @return this
     */
    public EngineInstaller downloads(Path folder) {
        this.downloads = folder.toAbsolutePath();
        return this;
    }

    /**
     * A connection that brings nothing for so long is given up and tried again; 30 s by default.
     *
     * @param time above 0
     * @return this
     * @throws OptionException for a time of 0 or less
     */
    public EngineInstaller stall(Duration time) {
        if (time.toMillis() <= 0) {
            throw new OptionException("the time without a byte is " + time + "; it must be above 0");
        }
        this.stall = time;
        return this;
    }

    /**
     * Is told how far it is, on the thread that installs: bytes, with {@code downloading}, {@code checking} or
     * {@code unpacking} as the text.
     *
     * @param listener may throw, which ends the installation
     * @return this
     */
    public EngineInstaller onProgress(Consumer<Progress> listener) {
        this.listener = Objects.requireNonNull(listener);
        return this;
    }

    /**
     * Stops it. What was downloaded stays, and the next installation goes on from there.
     *
     * @param token the token
     * @return this
     */
    public EngineInstaller cancelWith(CancelToken token) {
        this.token = Objects.requireNonNull(token);
        return this;
    }

    /**
     * Downloads if need be, checks, unpacks. Takes up to minutes; not for a thread that must answer.
     *
     * @return the program, for {@link Engine.Builder#program}; the shared engine finds the usual place by itself
     * @throws DownloadException if the address does not answer, stalls or gives something else
     * @throws FileException for a full disk, a folder that cannot be written, and an archive that is damaged, cut off, or none of
     *     an engine
     * @throws StoppedException if it was stopped
     * @throws NativeLibraryException if the native library cannot be loaded here
     */
    public Path install() {
        if (archive != null) {
            if (!Files.isRegularFile(archive)) {
                throw new FileException("there is no file " + archive + "; name the archive slidestream-engine-...tar.zst");
            }
            if (sha256 != null) {
                check(archive, () -> "the file " + archive + " differs from its checksum " + sha256 + "; copy it again");
            }
            return unpack(archive);
        }
        Path folder = downloads == null ? place.resolveSibling("downloads") : downloads;
        String path = address.getPath() == null ? "" : address.getPath();
        String name = path.substring(path.lastIndexOf('/') + 1);
        Path file = folder.resolve(name.isBlank() ? "engine.tar.zst" : name);
        try {
            Files.createDirectories(folder);
        } catch (IOException error) {
            throw new FileException("cannot create " + folder + ": " + error.getMessage());
        }
        Pace pace = new Pace("downloading");
        Download download = new Download(address, file, stall, 3, pace::tell);
        if (sha256 == null) {
            sha256 = download.sum();
        }
        if (!Files.isRegularFile(file)) {
            download.run();
        }
        try {
            check(file, () -> "the download of " + address + " differs from its checksum " + sha256 + " and was removed; try again, "
                    + "and if it happens again tell whoever runs that server");
            return unpack(file);
        } finally {
            // Good, it is unpacked; bad, it must not be gone on with.
            if (!token.isCancelled()) {
                file.toFile().delete();
            }
        }
    }

    private Path unpack(Path file) {
        Native.install(file.toAbsolutePath().toString(), place.toString(), new Pace("unpacking")::tell);
        return place.resolve(PROGRAM);
    }

    private void check(Path file, java.util.function.Supplier<String> wrong) {
        Pace pace = new Pace("checking");
        try (InputStream in = Files.newInputStream(file)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            long total = Files.size(file);
            long done = 0;
            byte[] buffer = new byte[1 << 20];
            for (int length; (length = in.read(buffer)) >= 0; ) {
                digest.update(buffer, 0, length);
                done += length;
                if (!pace.tell(done, total)) {
                    throw new StoppedException("stopped while checking " + file);
                }
            }
            if (!HexFormat.of().formatHex(digest.digest()).equals(sha256)) {
                throw new DownloadException(wrong.get());
            }
        } catch (IOException error) {
            throw new FileException("cannot read " + file + ": " + error.getMessage());
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException("every Java has SHA-256", error);
        }
    }

    /** Turns bytes into progress, some ten times a second. */
    private final class Pace {
        private final String text;
        private final long begun = System.nanoTime();
        private long first = -1;
        private long told;

        Pace(String text) {
            this.text = text;
        }

        boolean tell(long done, long total) {
            if (token.isCancelled()) {
                return false;
            }
            if (first < 0) {
                // What an earlier download has brought says nothing about this one's speed.
                first = done;
            }
            long now = System.nanoTime();
            if (done == total || now - told > 100_000_000L) {
                told = now;
                double seconds = (now - begun) / 1e9;
                double rate = seconds > 0 ? (done - first) / seconds : 0;
                double left = total < 0 || rate <= 0 ? Double.POSITIVE_INFINITY : (total - done) / rate;
                listener.accept(new Progress(done, Math.max(total, done), rate, left, text));
            }
            return true;
        }
    }
}
