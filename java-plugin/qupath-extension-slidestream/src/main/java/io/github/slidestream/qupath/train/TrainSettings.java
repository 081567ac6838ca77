package io.github.slidestream.qupath.train;

import io.github.slidestream.qupath.core.Channels;
import java.nio.file.Path;
import java.util.List;

/**
 * What a fine-tuning is told.
 *
 * @param name of the new model, and of its folder
 * @param from what it starts from
 * @param regionClass class of the training regions
 * @param objectClasses classes of the objects
 * @param objectName what the model calls them, where it finds them as one class
 * @param labels what it learns of them
 * @param length how long
 * @param device as the engine names it, or {@code auto}
 * @param threads 0 for one a core
 * @param channels for an image that is not RGB, else null
 * @param models folder for the package
 * @param runs folder for the run's files
 */
public record TrainSettings(
        String name,
        TrainStart from,
        String regionClass,
        List<ObjectClass> objectClasses,
        String objectName,
        Labels labels,
        Length length,
        String device,
        int threads,
        Channels channels,
        Path models,
        Path runs) {

    /** @return names of the classes of the objects */
    public List<String> classNames() {
        return objectClasses.stream().map(ObjectClass::name).toList();
    }

    /** @return the model's name for what it finds, for a title */
    String finds() {
        return labels == Labels.CLASSES ? String.join(", ", classNames()) : objectName;
    }

    /** How long to train. */
    public sealed interface Length {}

    /** @param count 1 or more */
    public record Epochs(int count) implements Length {}

    /** @param count 1 or more; the first epoch measures how many fit */
    public record Minutes(double count) implements Length {}

    /**
     * @param name that is taken now
     * @param folder in which
     * @return the same name with the next free number
     */
    public static String nextName(String name, Path folder) {
        String stem = name.replaceFirst("-\\d+$", "");
        int number = 2;
        while (java.nio.file.Files.exists(folder.resolve(stem + "-" + number))) {
            number++;
        }
        return stem + "-" + number;
    }

    /** @return why the name cannot be used; null if it can */
    public static String nameRefusal(String name, Path models) {
        if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")) {
            return "Name the model with letters, digits, dots, dashes and underscores, such as nuclei-lab2.";
        }
        if (java.nio.file.Files.exists(models.resolve(name))) {
            return "There is a model " + name + " in " + models + ". Choose another name.";
        }
        return null;
    }
}
