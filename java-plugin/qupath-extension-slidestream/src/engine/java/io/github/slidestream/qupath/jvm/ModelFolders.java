package io.github.slidestream.qupath.jvm;

import io.github.slidestream.Models;
import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.ModelCard;
import io.github.slidestream.qupath.train.PackageFile;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Where model packages lie: those that the engine lists by name, and those of the user's folder. */
final class ModelFolders {
    private ModelFolders() {}

    static List<ModelCard> merge(List<Models.KnownModel> known, Path user, Path program) throws EngineException {
        List<ModelCard> all = new ArrayList<>();
        List<Path> places = places(user, program);
        for (Models.KnownModel one : known) {
            Path folder = places.stream()
                    .map(place -> place.resolve(one.name()))
                    .filter(place -> Files.isRegularFile(place.resolve("model.toml")))
                    .findFirst()
                    .orElse(null);
            all.add(new ModelCard(one.name(), one.name(), one.title(), one.usable(), one.micronsPerPixel(), one.card(), folder));
        }
        for (ModelCard card : of(user)) {
            if (all.stream().noneMatch(one -> one.name().equals(card.name()))) {
                all.add(card);
            }
        }
        all.sort(Comparator.comparing(ModelCard::name));
        return all;
    }

    /** Packages of a folder that the engine does not know: they are named by their folder. */
    private static List<ModelCard> of(Path folder) throws EngineException {
        List<ModelCard> all = new ArrayList<>();
        if (!Files.isDirectory(folder)) {
            return all;
        }
        try (Stream<Path> packages = Files.list(folder)) {
            for (Path one : (Iterable<Path>) packages::iterator) {
                if (Files.isRegularFile(one.resolve("model.toml")) && !one.getFileName().toString().startsWith(".")) {
                    all.add(card(one));
                }
            }
        } catch (IOException error) {
            throw new EngineException("the model folder " + folder + " cannot be listed: " + error
                    + "; choose another one in the preferences", error);
        }
        return all;
    }

    private static ModelCard card(Path folder) {
        String name = folder.getFileName().toString();
        String id = folder.toAbsolutePath().toString().replace('\\', '/');
        try {
            PackageFile file = PackageFile.read(folder.resolve("model.toml"));
            Path readme = folder.resolve("README.md");
            String card = Files.isRegularFile(readme) ? Files.readString(readme) : "";
            return new ModelCard(id, name, file.text("title").orElse(""), true, file.number("input.mpp"), card, folder);
        } catch (IOException error) {
            return new ModelCard(id, name, error.getMessage(), false, 0, "", folder);
        }
    }

    /** As the engine searches: the user's folder, SLIDESTREAM_MODELS, beside and above the program, the home folder. */
    private static List<Path> places(Path user, Path program) {
        List<Path> places = new ArrayList<>(List.of(user));
        for (String one : System.getenv().getOrDefault("SLIDESTREAM_MODELS", "").split(File.pathSeparator)) {
            if (!one.isBlank()) {
                places.add(Path.of(one));
            }
        }
        for (Path above = program.getParent(); above != null; above = above.getParent()) {
            places.add(above.resolve("models"));
        }
        places.add(BundledModels.home());
        return places;
    }
}
