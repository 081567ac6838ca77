package io.github.slidestream;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One file from the network. What has come lies beside its place as {@code NAME.part}, with the server's mark of its version
 * in {@code NAME.part.tag}; a later try goes on from there if the server still has that version. Proxies are those of the
 * JVM ({@code ProxySelector.getDefault()}), which a host such as QuPath sets.
 */
final class Download {
    private static final Pattern RANGE = Pattern.compile("bytes (?:(\\d+)-\\d+|\\*)/(\\d+)");
    private static final Pattern SUM = Pattern.compile("^([0-9a-fA-F]{64})\\b");

    /** Bytes that are there and in all, -1 if unknown; false ends the download. */
    interface Watch {
        boolean goOn(long done, long total);
    }

    private final URI address;
    private final Path place;
    private final Path part;
    private final Path tag;
    private final Duration stall;
    private final int tries;
    private final Watch watch;

    /**
     * @param tries that may fail one after the other without a new byte
     * @param stall time without a byte after which a connection is given up
     */
    Download(URI address, Path place, Duration stall, int tries, Watch watch) {
        this.address = address;
        this.place = place;
        this.part = place.resolveSibling(place.getFileName() + ".part");
        this.tag = place.resolveSibling(place.getFileName() + ".part.tag");
        this.stall = stall;
        this.tries = tries;
        this.watch = watch;
    }

    /** The sum that {@code sha256sum} would have written to the address with {@code .sha256} at its end. */
    String sum() {
        URI beside = URI.create(address + ".sha256");
        try {
            HttpURLConnection connection = open(beside);
            try (InputStream body = answer(connection, beside, 200)) {
                Matcher sum = SUM.matcher(new String(body.readNBytes(1024), StandardCharsets.US_ASCII).strip());
                if (sum.find()) {
                    return sum.group(1).toLowerCase(Locale.ROOT);
                }
            } finally {
                connection.disconnect();
            }
        } catch (IOException error) {
            throw new DownloadException("the checksum " + beside + " could not be read (" + error.getMessage()
                    + "); check the network and the proxy settings, or give the checksum yourself", error);
        }
        throw new DownloadException(beside + " holds no sha256; check the address, or give the checksum yourself");
    }

    /**
     * Downloads, or goes on with what has come.
     *
     * @return the file, complete by the server's count
     */
    Path run() {
        int failed = 0;
        while (true) {
            long before = size(part);
            String what;
            try {
                if (once()) {
                    Files.move(part, place, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                    Files.deleteIfExists(tag);
                    return place;
                }
                what = "was cut off";
            } catch (SocketTimeoutException error) {
                what = "stalled: nothing came for " + stall.toSeconds() + " s";
            } catch (FullDiskException error) {
                throw new FileException("cannot write " + part + " (" + error.getCause().getMessage() + "); free some space and try "
                        + "again, what has come stays");
            } catch (IOException error) {
                what = "failed (" + error + ")";
            }
            failed = size(part) > before ? 1 : failed + 1;
            if (failed >= tries) {
                throw new DownloadException("the download of " + address + " " + what + " after " + size(part)
                        + " bytes; check the network and the proxy settings, then try again: it goes on from there");
            }
        }
    }

    /** One request. Is the file complete? */
    private boolean once() throws IOException {
        String[] mark = mark();
        long have = mark == null ? 0 : size(part);
        HttpURLConnection connection = open(address);
        if (have > 0) {
            connection.setRequestProperty("Range", "bytes=" + have + "-");
            connection.setRequestProperty("If-Range", mark[1]);
        }
        try (InputStream body = answer(connection, address, 200, 206, 416)) {
            long total = connection.getContentLengthLong();
            Matcher range = RANGE.matcher(String.valueOf(connection.getHeaderField("Content-Range")));
            switch (connection.getResponseCode()) {
                case 206 -> {
                    if (!range.matches() || range.group(1) == null || Long.parseLong(range.group(1)) != have) {
                        forget();
                        throw new IOException("the server sent another part than the one asked for");
                    }
                    total = Long.parseLong(range.group(2));
                }
                case 416 -> {
                    if (range.matches() && Long.parseLong(range.group(2)) == have) {
                        return true;
                    }
                    forget();
                    throw new IOException("the server has another file than before");
                }
                default -> {
                    forget();
                    have = 0;
                    remember(connection);
                }
            }
            copy(body, have, total);
            return total < 0 || size(part) == total;
        } finally {
            connection.disconnect();
        }
    }

    private void copy(InputStream body, long have, long total) throws IOException {
        byte[] buffer = new byte[1 << 16];
        try (OutputStream out = Files.newOutputStream(part, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            for (int length; (length = body.read(buffer)) >= 0; ) {
                try {
                    out.write(buffer, 0, length);
                } catch (IOException error) {
                    throw new FullDiskException(error);
                }
                have += length;
                if (!watch.goOn(have, total)) {
                    throw new StoppedException("stopped; what has come stays, and the next try goes on from there");
                }
            }
        }
    }

    private HttpURLConnection open(URI address) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection();
        connection.setConnectTimeout((int) Math.min(stall.toMillis(), Integer.MAX_VALUE));
        connection.setReadTimeout((int) Math.min(stall.toMillis(), Integer.MAX_VALUE));
        connection.setRequestProperty("Accept-Encoding", "identity");
        connection.setUseCaches(false);
        return connection;
    }

    private static InputStream answer(HttpURLConnection connection, URI address, int... good) throws IOException {
        int code = connection.getResponseCode();
        for (int one : good) {
            if (code == one) {
                InputStream body = code < 400 ? connection.getInputStream() : connection.getErrorStream();
                return body == null ? InputStream.nullInputStream() : body;
            }
        }
        if (code >= 500) {
            throw new IOException("the server answered " + code + " " + connection.getResponseMessage());
        }
        throw new DownloadException(address + " answered " + code + " " + connection.getResponseMessage() + "; check the address"
                + (code == 407 ? " and the proxy settings" : ""));
    }

    /** Address and version of what has come; null if it cannot be gone on with. */
    private String[] mark() throws IOException {
        if (!Files.isRegularFile(tag)) {
            return null;
        }
        String[] lines = Files.readString(tag).split("\n");
        return lines.length == 2 && lines[0].equals(address.toString()) ? lines : null;
    }

    private void remember(HttpURLConnection connection) throws IOException {
        String version = connection.getHeaderField("ETag");
        if (version == null || version.startsWith("W/")) {
            version = connection.getHeaderField("Last-Modified");
        }
        if (version != null && !version.isBlank()) {
            Files.writeString(tag, address + "\n" + version + "\n");
        }
    }

    /** Drops what has come. */
    void forget() throws IOException {
        Files.deleteIfExists(part);
        Files.deleteIfExists(tag);
    }

    private static long size(Path file) {
        try {
            return Files.isRegularFile(file) ? Files.size(file) : 0;
        } catch (IOException error) {
            return 0;
        }
    }

    /** The disk failed, not the network. */
    private static final class FullDiskException extends IOException {
        private static final long serialVersionUID = 1L;

        FullDiskException(IOException cause) {
            super(cause);
        }
    }
}
