package io.github.slidestream;

import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** A training run for an engine; {@code kind} is the engine's word for it. */
record TrainingJob(Engine engine, String kind, Map<String, Object> order) {
    Path run(RunListener listener, CancelToken cancel) {
        return Jobs.await(runAsync(listener, cancel), cancel);
    }

    CompletableFuture<Path> runAsync(RunListener listener, CancelToken cancel) {
        return Jobs.begin(engine, Map.of(kind, order), null, listener, cancel)
                .thenApply(answer -> Path.of(Json.object(answer.get("trained")).get("out").toString()));
    }
}
