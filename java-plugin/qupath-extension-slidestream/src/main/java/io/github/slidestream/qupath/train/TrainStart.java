package io.github.slidestream.qupath.train;

import io.github.slidestream.qupath.engine.ModelCard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What a fine-tuning can start from: a model package or a pre-training.
 *
 * @param label for the list
 * @param source what the engine takes: a folder
 * @param description the TOML file that tells its input
 * @param pretrained is it a pre-training, without a head?
 */
public record TrainStart(String label, Path source, Path description, boolean pretrained) {
    /**
     * @param models that are installed
     * @param runs folder with the user's pre-trainings
     * @return usable models whose folder is known, then complete pre-trainings by name
     * @throws IOException if the folder cannot be listed
     */
    public static List<TrainStart> list(List<ModelCard> models, Path runs) throws IOException {
        List<TrainStart> all = new ArrayList<>();
        for (ModelCard model : models) {
            if (model.usable() && model.folder() != null) {
                all.add(new TrainStart(model.name(), model.folder(), model.folder().resolve("model.toml"), false));
            }
        }
        if (Files.isDirectory(runs)) {
            try (Stream<Path> folders = Files.list(runs)) {
                folders.filter(folder -> Files.isRegularFile(folder.resolve("pretrained.safetensors")))
                        .sorted()
                        .map(folder -> new TrainStart(
                                folder.getFileName() + " (pre-trained on slides)", folder, folder.resolve("config.toml"), true))
                        .forEach(all::add);
            }
        }
        return all;
    }

    /**
     * @return its resolution, micrometres per pixel
     * @throws IOException if its description cannot be read
     */
    public double mpp() throws IOException {
        return PackageFile.read(description).number("input.mpp");
    }

    /**
     * @return what it finds; empty for a pre-training, which finds nothing yet
     * @throws IOException if its description cannot be read
     */
    public Optional<Labels> labels() throws IOException {
        if (pretrained) {
            return Optional.empty();
        }
        PackageFile file = PackageFile.read(description);
        if (file.text("task").orElse("instances").equals("instances")) {
            return Optional.of(Labels.INSTANCES);
        }
        // Background is a class too.
        return Optional.of(file.count("classes") > 2 ? Labels.CLASSES : Labels.AREA);
    }

    @Override
    public String toString() {
        return label;
    }
}
