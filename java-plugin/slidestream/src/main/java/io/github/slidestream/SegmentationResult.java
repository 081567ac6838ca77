package io.github.slidestream;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a segmentation found. */
public final class SegmentationResult {
    private final long objectCount;
    private final String manifest;
    private final String skipped;
    private final List<ObjectBatch> batches;

    SegmentationResult(Map<String, Object> answer, List<ObjectBatch> batches) {
        this.objectCount = (long) Json.number(answer.get("objects"));
        this.manifest = (String) answer.get("manifest");
        this.skipped = (String) answer.get("skipped");
        this.batches = batches;
    }

    /**
     * How many objects there are.
     *
     * @return 0 or more; 0 for a slide that was skipped
     */
    public long objectCount() {
        return objectCount;
    }

    /**
     * The objects, if no listener took them.
     *
     * @return batches in the order of tiles
     */
    public List<ObjectBatch> batches() {
        return batches;
    }

    /**
     * The run's record: slide, model with SHA-256, engine, configuration, counts, timings.
     *
     * @return JSON as in {@code manifest.json}; empty for a slide that was skipped
     */
    public Optional<String> manifest() {
        return Optional.ofNullable(manifest);
    }

    /**
     * Why nothing was done: the folder has this slide's result already.
     *
     * @return empty if it was done
     */
    public Optional<String> skipped() {
        return Optional.ofNullable(skipped);
    }
}
