package io.github.slidestream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.lang.reflect.Modifier;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeTest {
    @TempDir
    Path folder;

    @Test
    void bothSidesHaveTheSameMethodsAndTheSameKindsOfFailure() throws Exception {
        long declared = Arrays.stream(Native.class.getDeclaredMethods())
                .filter(method -> Modifier.isNative(method.getModifiers()) && !method.getName().equals("bind"))
                .count();
        // Names and signatures: binding fails for one that Java does not declare.
        assertEquals(declared, Native.BOUND);
        Map<String, Object> kinds = Json.object(Json.parse(Native.kinds()));
        assertEquals(9, kinds.size());
        for (Object name : kinds.values()) {
            Class<?> exception = Class.forName(name.toString().replace('/', '.'));
            assertTrue(SlidestreamException.class.isAssignableFrom(exception), name.toString());
            exception.getDeclaredConstructor(String.class);
        }
    }

    @Test
    void aPanicIsAnExceptionAndSoIsAStaleHandle() {
        InternalException panic = assertThrows(InternalException.class, () -> Native.panic("a \u2603 panic"));
        assertTrue(panic.getMessage().endsWith("panicked: a \u2603 panic"), panic.getMessage());
        assertThrows(IllegalStateException.class, () -> Native.pump(123456, null));
        assertThrows(IllegalStateException.class, () -> Native.engineState(123456));
        assertThrows(IllegalStateException.class, () -> Native.answer(1, 0, 0, 0, 0, -1, 1, ByteBuffer.allocateDirect(3)));
        assertThrows(IllegalStateException.class, () -> Native.openEngine("{\"program\":\"a\",\"silence_s\":0}"));
        assertThrows(IllegalStateException.class, () -> Native.openEngine("{\"program\":\"a\",\"unknown\":0}"));
    }

    @Test
    void theLibraryNeedsNeitherLibtorchNorOpenSlide() throws Exception {
        Path library = Path.of(System.getProperty("slidestream.engine")).resolveSibling("libslidestream_jni.so");
        String needed = Fixtures.run(0, List.of("ldd", library.toString()));
        for (String line : needed.lines().map(String::strip).filter(line -> !line.isEmpty()).toList()) {
            assertTrue(line.matches("(linux-vdso|libc|libm|libgcc_s|libpthread|libdl|librt)\\.so\\S* .*|/lib\\S*/ld-linux\\S* .*"), line);
        }
    }

    @Test
    void aSecondClassLoaderGetsALibraryOfItsOwn() throws Exception {
        URL[] path = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .map(entry -> {
                    try {
                        return Path.of(entry).toUri().toURL();
                    } catch (java.net.MalformedURLException error) {
                        throw new IllegalArgumentException(error);
                    }
                })
                .toArray(URL[]::new);
        String own = Native.buildId();
        for (int i = 0; i < 2; i++) {
            try (URLClassLoader other = new URLClassLoader(path, ClassLoader.getPlatformClassLoader())) {
                Class<?> twin = other.loadClass("io.github.slidestream.Native");
                assertNotEquals(Native.class, twin);
                var method = twin.getDeclaredMethod("buildId");
                method.setAccessible(true);
                assertEquals(own, method.invoke(null));
            }
        }
    }

    @Test
    void theLibraryIsExtractedOnceForEachContentAndADamagedCopyIsReplaced() throws Exception {
        byte[] content = {1, 2, 3};
        Path first = NativeLoader.extract(content, folder);
        assertTrue(first.getFileName().toString().startsWith(NativeLoader.sha256(content).substring(0, 32)));
        var written = Files.getLastModifiedTime(first);
        assertEquals(first, NativeLoader.extract(content, folder));
        assertEquals(written, Files.getLastModifiedTime(first));
        Files.write(first, new byte[] {9});
        NativeLoader.extract(content, folder);
        assertEquals(3, Files.size(first));
        assertNotEquals(first, NativeLoader.extract(new byte[] {4}, folder));
        try (var files = Files.list(folder)) {
            assertEquals(2, files.count(), "no drafts are left");
        }
    }

    @Test
    void whatTheSystemSaysIsExplained() {
        Path file = Path.of("lib.so");
        assertEquals("linux-x86_64", NativeLoader.platform("Linux", "amd64"));
        assertEquals("osx-aarch_64", NativeLoader.platform("Mac OS X", "aarch64"));
        assertEquals("windows-x86_64", NativeLoader.platform("Windows 11", "amd64"));
        for (String[] pair : new String[][] {
            {"/lib/libc.so.6: version `GLIBC_2.34' not found", "C library is older"},
            {"Error loading shared library ld-linux-x86-64.so.2: No such file", "no glibc"},
            {"failed to map segment from shared object", "noexec"},
            {"wrong ELF class: ELFCLASS32", "another platform"},
        }) {
            assertTrue(NativeLoader.explain(file, pair[0]).contains(pair[1]), pair[0]);
        }
    }
}
