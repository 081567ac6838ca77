package io.github.slidestream.qupath.jvm;

import io.github.slidestream.CancelToken;
import io.github.slidestream.EngineInstaller;
import io.github.slidestream.SlidestreamException;
import io.github.slidestream.StoppedException;
import io.github.slidestream.qupath.engine.Cancel;
import io.github.slidestream.qupath.engine.CancelledException;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.EngineSetup;
import io.github.slidestream.qupath.engine.Listener.Progress;
import java.net.URI;
import java.nio.file.Path;
import java.util.function.Consumer;

/** Installs with the JVM library. */
final class JvmSetup implements EngineSetup {
    private static final String RELEASES = "https://github.com/slidestream/slidestream/releases/download/v%s/%s";
    private static final String ARCHIVE = "slidestream-engine-linux-x86_64-cpu.tar.zst";

    @Override
    public Path place() {
        return EngineInstaller.usualPlace();
    }

    @Override
    public String usualAddress() {
        String version = JvmSetup.class.getPackage().getImplementationVersion();
        return RELEASES.formatted(version == null ? "0.1.0" : version.replace("-SNAPSHOT", ""), ARCHIVE);
    }

    @Override
    public Path install(String source, String sha256, Consumer<Progress> progress, Cancel cancel)
            throws EngineException, CancelledException {
        CancelToken token = new CancelToken();
        cancel.onCancel(token::cancel);
        try {
            EngineInstaller installer = source.matches("(?i)https?://.*")
                    ? EngineInstaller.from(URI.create(source))
                    : EngineInstaller.from(Path.of(source));
            return installer.sha256(sha256)
                    .cancelWith(token)
                    .onProgress(p -> progress.accept(new Progress(p.done(), p.total(), p.perSecond(), p.secondsLeft(), p.text())))
                    .install();
        } catch (StoppedException stopped) {
            throw new CancelledException();
        } catch (SlidestreamException | IllegalArgumentException error) {
            throw new EngineException(error.getMessage(), error);
        }
    }
}
