package io.github.slidestream.qupath.train;

import io.github.slidestream.qupath.core.SegmentSettings;
import io.github.slidestream.qupath.engine.Device;

/** The line of script that does a fine-tuning again. */
public final class FineTuneScript {
    private FineTuneScript() {}

    /**
     * @param settings what was done
     * @param project with the regions of the project's other images?
     * @return Groovy; it ends with an error while there is a model of that name
     */
    public static String line(TrainSettings settings, boolean project) {
        StringBuilder line = new StringBuilder("io.github.slidestream.qupath.FineTune.builder()");
        call(line, "from", quoted(settings.from().pretrained() ? Toml.slashes(settings.from().source()) : settings.from().label()));
        call(line, "regions", quoted(settings.regionClass()));
        call(line, "classes", String.join(", ", settings.classNames().stream().map(FineTuneScript::quoted).toList()));
        call(line, "labels", quoted(settings.labels().key()));
        if (settings.labels() != Labels.CLASSES) {
            call(line, "object", quoted(settings.objectName()));
        }
        if (project) {
            call(line, "project", "true");
        }
        call(line, "name", quoted(settings.name()));
        switch (settings.length()) {
            case TrainSettings.Epochs epochs -> call(line, "epochs", Integer.toString(epochs.count()));
            case TrainSettings.Minutes minutes -> call(line, "minutes", Double.toString(minutes.count()));
        }
        if (!settings.device().equals(Device.AUTO)) {
            call(line, "device", quoted(settings.device()));
        }
        if (settings.threads() > 0) {
            call(line, "threads", Integer.toString(settings.threads()));
        }
        if (!settings.models().equals(Folders.MODELS)) {
            call(line, "models", quoted(Toml.slashes(settings.models())));
        }
        if (!settings.runs().equals(Folders.RUNS)) {
            call(line, "runs", quoted(Toml.slashes(settings.runs())));
        }
        return line.append("\n    .build()\n    .run()").toString();
    }

    private static void call(StringBuilder line, String method, String arguments) {
        line.append("\n    .").append(method).append('(').append(arguments).append(')');
    }

    private static String quoted(String text) {
        return SegmentSettings.quote(text);
    }
}
