package io.github.slidestream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EngineInstallerTest {
    /** What the server does with a request for the archive, by the number of the request. */
    private interface Answer {
        void give(HttpExchange exchange, int request, int from) throws Exception;
    }

    @TempDir
    Path folder;

    private HttpServer server;
    private byte[] archive;
    private volatile String tag = "\"one\"";
    private volatile boolean ranges = true;
    private volatile Answer answer = (exchange, request, from) -> send(exchange, from, archive.length);
    private final List<String> asked = Collections.synchronizedList(new ArrayList<>());
    private final CountDownLatch over = new CountDownLatch(1);

    @BeforeEach
    void serve() throws IOException {
        archive = TinyArchive.of("#!/bin/sh\nexec '" + System.getProperty("slidestream.engine") + "' \"$@\"\n", 700_000);
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newCachedThreadPool());
        server.createContext("/engine.tar.zst", exchange -> {
            String range = exchange.getRequestHeaders().getFirst("Range");
            boolean same = tag.equals(exchange.getRequestHeaders().getFirst("If-Range"));
            int from = range == null || !same || !ranges ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
            asked.add(range == null ? "all" : range);
            try {
                answer.give(exchange, asked.size(), from);
            } catch (Exception error) {
                // The connection breaks, which is what the client is to meet.
                exchange.close();
            }
        });
        server.createContext("/engine.tar.zst.sha256", exchange -> {
            byte[] line = (NativeLoader.sha256(archive) + "  engine.tar.zst\n").getBytes();
            exchange.sendResponseHeaders(200, line.length);
            exchange.getResponseBody().write(line);
            exchange.close();
        });
        server.start();
    }

    @AfterEach
    void stop() {
        over.countDown();
        server.stop(0);
    }

    /** The bytes from {@code from} to before {@code to}, announced as all that are left. */
    private void send(HttpExchange exchange, int from, int to) throws IOException {
        exchange.getResponseHeaders().set("ETag", tag);
        if (from > 0) {
            exchange.getResponseHeaders().set("Content-Range", "bytes " + from + "-" + (archive.length - 1) + "/" + archive.length);
        }
        exchange.sendResponseHeaders(from > 0 ? 206 : 200, archive.length - from);
        OutputStream body = exchange.getResponseBody();
        body.write(archive, from, to - from);
        body.flush();
        if (to == archive.length) {
            exchange.close();
        }
    }

    private URI address() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/engine.tar.zst");
    }

    private Path place() {
        return folder.resolve("share/engine");
    }

    private EngineInstaller installer() {
        return EngineInstaller.from(address()).place(place()).stall(Duration.ofMillis(400));
    }

    private void installedAndNothingElse() throws IOException {
        assertTrue(Files.isExecutable(place().resolve("slidestream")));
        try (Stream<Path> files = Files.walk(folder.resolve("share"))) {
            List<String> left = files.filter(Files::isRegularFile).map(file -> file.getFileName().toString()).sorted().toList();
            assertEquals(List.of("filler.bin", "slidestream"), left);
        }
    }

    @Test
    void aFileIsInstalledAndItsEngineRuns() throws Exception {
        Path file = Files.write(folder.resolve("engine.tar.zst"), archive);
        List<String> told = new ArrayList<>();
        Path program = EngineInstaller.from(file)
                .place(place())
                .sha256(NativeLoader.sha256(archive))
                .onProgress(progress -> told.add(progress.text()))
                .install();
        installedAndNothingElse();
        assertTrue(told.contains("checking") && told.contains("unpacking"), told.toString());
        for (Path named : List.of(program, place())) {
            try (Engine engine = Engine.builder().program(named).logs(folder.resolve("logs")).build()) {
                assertEquals(program, engine.program());
                assertFalse(Devices.list(engine).isEmpty());
            }
        }
    }

    @Test
    void aDownloadIsInstalledOverAnOldEngine() throws Exception {
        Files.createDirectories(place());
        Files.writeString(place().resolve("slidestream"), "old");
        Files.writeString(place().resolve("left-over"), "old");
        List<Progress> told = new ArrayList<>();
        installer().onProgress(told::add).install();
        installedAndNothingElse();
        assertTrue(told.stream().anyMatch(progress -> progress.text().equals("downloading") && progress.total() == archive.length));
        assertEquals(List.of("all"), asked);
    }

    @Test
    void aServerThatStallsIsAskedForTheRest() throws Exception {
        answer = (exchange, request, from) -> {
            if (request == 1) {
                send(exchange, from, 300_000);
                over.await(20, TimeUnit.SECONDS);
            } else {
                send(exchange, from, archive.length);
            }
        };
        installer().install();
        installedAndNothingElse();
        assertEquals(2, asked.size());
        assertTrue(asked.get(1).startsWith("bytes=") && !asked.get(1).equals("bytes=0-"), asked.toString());
    }

    @Test
    void aServerThatCutsOffIsAskedForTheRestAndOneThatCannotGoOnSendsAll() throws Exception {
        for (boolean able : new boolean[] {true, false}) {
            ranges = able;
            asked.clear();
            answer = (exchange, request, from) -> {
                send(exchange, from, request == 1 ? 400_000 : archive.length);
                if (request == 1) {
                    throw new IOException("cut off");
                }
            };
            installer().install();
            installedAndNothingElse();
            assertEquals(2, asked.size(), asked.toString());
        }
    }

    @Test
    void anotherVersionOnTheServerIsNotPastedToTheOldOne() throws Exception {
        answer = (exchange, request, from) -> {
            send(exchange, from, request == 1 ? 400_000 : archive.length);
            if (request == 1) {
                archive = TinyArchive.of("#!/bin/sh\necho new\n", 900_000);
                tag = "\"two\"";
                throw new IOException("cut off");
            }
        };
        // The sum was that of the first version.
        DownloadException refused = assertThrows(DownloadException.class, () -> installer().install());
        assertTrue(refused.getMessage().contains("differs from its checksum"), refused.getMessage());
        installer().install();
        installedAndNothingElse();
        assertEquals("#!/bin/sh\necho new\n", Files.readString(place().resolve("slidestream")));
    }

    @Test
    void aServerThatStallsForEverIsGivenUpAndTheNextTryGoesOn() throws Exception {
        answer = (exchange, request, from) -> {
            send(exchange, from, Math.max(from, 200_000));
            over.await(20, TimeUnit.SECONDS);
        };
        DownloadException given = assertThrows(DownloadException.class, () -> installer().install());
        assertTrue(given.getMessage().contains("stalled") && given.getMessage().contains("goes on from there"), given.getMessage());
        assertFalse(Files.exists(place()));
        asked.clear();
        answer = (exchange, request, from) -> send(exchange, from, archive.length);
        installer().install();
        installedAndNothingElse();
        assertFalse(asked.contains("all"), asked.toString());
    }

    @Test
    void corruptedBytesAreRefusedAndNotGoneOnWith() throws Exception {
        Files.createDirectories(place());
        Files.writeString(place().resolve("slidestream"), "old");
        byte[] good = archive.clone();
        String sum = NativeLoader.sha256(good);
        archive[350_000] ^= 1;
        DownloadException refused = assertThrows(DownloadException.class, () -> installer().sha256(sum).install());
        assertTrue(refused.getMessage().contains(sum), refused.getMessage());
        assertEquals("old", Files.readString(place().resolve("slidestream")));
        archive = good;
        installer().sha256(sum).install();
        installedAndNothingElse();
        assertEquals(List.of("all", "all"), asked);
    }

    @Test
    void damagedAndForeignFilesAreRefusedAndTheOldEngineStays() throws Exception {
        Files.createDirectories(place());
        Files.writeString(place().resolve("slidestream"), "old");
        byte[] damaged = archive.clone();
        damaged[350_000] ^= 1;
        for (byte[] bad : List.of(damaged, Arrays.copyOf(archive, 500_000), "<html>Not found</html>".getBytes(), new byte[0])) {
            Path file = Files.write(folder.resolve("bad.tar.zst"), bad);
            FileException refused = assertThrows(FileException.class, () -> EngineInstaller.from(file).place(place()).install());
            assertTrue(refused.getMessage().contains("bad.tar.zst"), refused.getMessage());
            assertEquals("old", Files.readString(place().resolve("slidestream")));
        }
        FileException none = assertThrows(FileException.class,
                () -> EngineInstaller.from(folder.resolve("absent")).place(place()).install());
        assertTrue(none.getMessage().contains("absent"), none.getMessage());
    }

    @Test
    void whatIsStoppedGoesOnNextTime() throws Exception {
        CancelToken token = new CancelToken();
        answer = (exchange, request, from) -> {
            send(exchange, from, from + 100_000);
            token.cancel();
            Thread.sleep(50);
            exchange.getResponseBody().write(archive, from + 100_000, archive.length - from - 100_000);
            exchange.close();
        };
        assertThrows(StoppedException.class, () -> installer().cancelWith(token).install());
        assertFalse(Files.exists(place()));
        answer = (exchange, request, from) -> send(exchange, from, archive.length);
        installer().install();
        installedAndNothingElse();
        assertTrue(asked.get(1).matches("bytes=[1-9]\\d*-"), asked.toString());
    }

    @Test
    void theHostsProxyIsTaken() throws Exception {
        ProxySelector before = ProxySelector.getDefault();
        ProxySelector.setDefault(new ProxySelector() {
            @Override
            public List<Proxy> select(URI uri) {
                return List.of(new Proxy(Proxy.Type.HTTP, server.getAddress()));
            }

            @Override
            public void connectFailed(URI uri, SocketAddress address, IOException error) {
                throw new IllegalStateException(error);
            }
        });
        try {
            EngineInstaller.from(URI.create("http://slides.example/engine.tar.zst")).place(place()).install();
        } finally {
            ProxySelector.setDefault(before);
        }
        installedAndNothingElse();
    }

    @Test
    void addressesAndSumsThatCannotBeAreRefusedAtOnce() {
        for (String address : List.of("ftp://example.org/engine.tar.zst", "file:///engine.tar.zst", "engine.tar.zst")) {
            assertThrows(OptionException.class, () -> EngineInstaller.from(URI.create(address)), address);
        }
        assertThrows(OptionException.class, () -> installer().sha256("abc"));
        URI absent = URI.create(address().toString().replace("engine.tar.zst", "absent.tar.zst"));
        DownloadException refused = assertThrows(DownloadException.class,
                () -> EngineInstaller.from(absent).place(place()).install());
        assertTrue(refused.getMessage().contains("404"), refused.getMessage());
    }
}
