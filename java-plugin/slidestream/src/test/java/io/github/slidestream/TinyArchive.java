package io.github.slidestream;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** An engine's archive as {@code slidestream pack} writes them, without compression: zstd frames may hold blocks as they are. */
final class TinyArchive {
    private TinyArchive() {}

    /** Of a program that is this script, and a file of so many bytes. */
    static byte[] of(String script, int padding) throws IOException {
        byte[] filler = new byte[padding];
        new java.util.Random(7).nextBytes(filler);
        Map<String, byte[]> files = new LinkedHashMap<>();
        files.put("lib/filler.bin", filler);
        files.put("slidestream", script.getBytes(StandardCharsets.UTF_8));
        StringBuilder sums = new StringBuilder();
        files.forEach((name, bytes) -> sums.append(NativeLoader.sha256(bytes)).append("  ").append(name).append('\n'));
        ByteArrayOutputStream tar = new ByteArrayOutputStream();
        entry(tar, "SHA256SUMS", sums.toString().getBytes(StandardCharsets.UTF_8));
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            entry(tar, file.getKey(), file.getValue());
        }
        tar.write(new byte[1024]);
        return zstd(tar.toByteArray());
    }

    private static void entry(ByteArrayOutputStream tar, String name, byte[] bytes) throws IOException {
        byte[] header = new byte[512];
        put(header, 0, "slidestream-engine/" + name);
        put(header, 100, "0000755\0");
        put(header, 108, "0000000\0");
        put(header, 116, "0000000\0");
        put(header, 124, String.format("%011o\0", bytes.length));
        put(header, 136, "00000000001\0");
        Arrays.fill(header, 148, 156, (byte) ' ');
        header[156] = '0';
        put(header, 257, "ustar\00000");
        int sum = 0;
        for (byte one : header) {
            sum += one & 0xff;
        }
        put(header, 148, String.format("%06o\0 ", sum));
        tar.write(header);
        tar.write(bytes);
        tar.write(new byte[(512 - bytes.length % 512) % 512]);
    }

    private static void put(byte[] header, int at, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(bytes, 0, header, at, bytes.length);
    }

    /** RFC 8878: magic number, a window of 1 MiB, raw blocks. */
    private static byte[] zstd(byte[] content) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(new byte[] {(byte) 0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 0, 10 << 3});
        int block = 100_000;
        for (int from = 0; from < content.length; from += block) {
            int length = Math.min(block, content.length - from);
            int header = length << 3 | (from + length == content.length ? 1 : 0);
            out.write(new byte[] {(byte) header, (byte) (header >> 8), (byte) (header >> 16)});
            out.write(content, from, length);
        }
        return out.toByteArray();
    }
}
