package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.train.Folders;
import java.nio.file.Path;
import javafx.beans.property.IntegerProperty;
import javafx.beans.property.StringProperty;

/** What the dialogs remember; every key begins with {@code slidestream.}, so that it meets no other extension's. */
public final class Settings {
    /** Model chosen last. */
    public final StringProperty model;
    /** Device chosen last. */
    public final StringProperty device;
    /** Part of the image chosen last, as scripts name it. */
    public final StringProperty where;
    /** Output chosen last, as scripts name it. */
    public final StringProperty output;
    /** Threads of one forward pass; 0 for as many as there are cores. */
    public final IntegerProperty threads;
    /** Edge of a tile; 0 for the model's own. */
    public final IntegerProperty tile;
    /** Context around a tile's core; -1 for the model's own. */
    public final IntegerProperty halo;
    /** Class of training regions. */
    public final StringProperty regionClass;
    /** Folder with the user's packages. */
    public final StringProperty modelFolder;
    /** Folder with the files of training runs. */
    public final StringProperty runFolder;
    /** The program that computes; empty for the usual places. */
    public final StringProperty program;

    /** Makes a property that is kept from one start to the next. */
    public interface Store {
        /**
         * @param key unique
         * @param value the first time
         * @return the property
         */
        StringProperty text(String key, String value);

        /**
         * @param key unique
         * @param value the first time
         * @return the property
         */
        IntegerProperty number(String key, int value);
    }

    /** @param store keeps them */
    public Settings(Store store) {
        model = store.text("slidestream.model", "he-nuclei");
        device = store.text("slidestream.device", "auto");
        where = store.text("slidestream.where", "selected");
        output = store.text("slidestream.output", "detections");
        threads = store.number("slidestream.threads", 0);
        tile = store.number("slidestream.tile", 0);
        halo = store.number("slidestream.halo", -1);
        regionClass = store.text("slidestream.regionClass", "Region*");
        modelFolder = store.text("slidestream.modelFolder", Folders.MODELS.toString());
        program = store.text("slidestream.program", "");
        runFolder = store.text("slidestream.runFolder", Folders.RUNS.toString());
    }

    /** @return folder with the user's packages */
    public Path models() {
        return Path.of(modelFolder.get());
    }

    /** @return folder with the files of training runs */
    public Path runs() {
        return Path.of(runFolder.get());
    }
}
