package io.github.slidestream.qupath.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The configuration of a fine-tuning from QuPath; {@code docs/finetune.md} explains every key. */
final class FineTuneConfig {
    /** Tile and halo where the start does not say them: those of the smallest network here. */
    private static final int TILE = 640;

    private static final int HALO = 112;

    /** Pictures of the regions for checking while the training runs. */
    private static final int PICTURES = 20;

    private FineTuneConfig() {}

    /**
     * @param settings what the user chose
     * @param data folder of the training set
     * @param written what is in it
     * @param epochs how many
     * @return TOML
     * @throws IOException if the start's description cannot be read
     */
    static String toml(TrainSettings settings, Path data, TrainingSet.Written written, int epochs) throws IOException {
        PackageFile start = PackageFile.read(settings.from().description());
        boolean pretrained = settings.from().pretrained();
        List<?> range = start.list("input.range");
        int tile = pretrained ? TILE : (int) start.number("input.tile_px");
        int halo = pretrained ? HALO : (int) start.number("input.halo_px");
        boolean sameTask = !pretrained && settings.from().labels().equals(Optional.of(settings.labels()));
        // Magnified crops must still lie in the smallest region.
        int crop = Math.max(64, Math.min(256, (int) (written.smallestSide() / 1.25) / 32 * 32));
        StringBuilder toml = new StringBuilder();
        toml.append("# Written by the QuPath extension; docs/finetune.md explains every key.\n");
        toml.append("seed = 7\n\n[model]\n");
        line(toml, "name", Toml.text(settings.name()));
        line(toml, "version", Toml.text("0.1.0"));
        line(toml, "title", Toml.text(settings.finds() + ", fine-tuned in QuPath from " + settings.from().label()));
        line(toml, "license", Toml.text("LicenseRef-unpublished"));
        if (settings.labels() != Labels.CLASSES) {
            line(toml, "object", Toml.text(settings.objectName()));
            line(toml, "color", color(settings.objectClasses().get(0)));
        }
        line(toml, "scope", Toml.text(scope(written)));
        line(toml, "data_licence", Toml.text("the user's own slides"));
        if (settings.labels() == Labels.CLASSES) {
            for (ObjectClass one : settings.objectClasses()) {
                toml.append("[[model.class]]\n");
                line(toml, "name", Toml.text(one.name()));
                line(toml, "color", color(one));
            }
        }
        toml.append("\n[data]\n");
        line(toml, "root", Toml.path(data));
        line(toml, "masks", Toml.text("label"));
        line(toml, "labels", Toml.text(settings.labels().key()));
        line(toml, "index", Toml.text("index.csv"));
        line(toml, "split", Toml.text("split"));
        toml.append("\n[input]\n");
        line(toml, "mpp", Toml.number(start.number("input.mpp")));
        line(toml, "tile_px", Integer.toString(tile));
        line(toml, "halo_px", Integer.toString(halo));
        line(toml, "range", range.toString());
        toml.append("\n[augment]\nscale = [0.8, 1.25]\ndihedral = true\nstain = 0.1\nbrightness = 0.1\ncontrast = 0.1\n");
        toml.append("\n[loss]\nss = 1.0\nfocal = 1.0\ngamma = 2.0\nce = 0.0\ndice = 0.5\n");
        toml.append("\n[optimizer]\nkind = \"adamw\"\nbetas = [0.9, 0.99]\nweight_decay = 0.01\nclip_norm = 1.0\n");
        line(toml, "rate", pretrained ? "1e-3" : "3e-4");
        toml.append("schedule = \"cosine\"\nwarmup_steps = 20\nfinal_rate = 1e-6\n");
        toml.append("\n[training]\nsteps_per_epoch = 20\nbatch = 4\nema = 0.98\nselect = \"val_dice\"\n");
        line(toml, "epochs", Integer.toString(epochs));
        line(toml, "sheet_every", Integer.toString((epochs + PICTURES - 1) / PICTURES));
        line(toml, "crop_px", Integer.toString(crop));
        String postprocessing = sameTask ? start.table("postprocessing") : "";
        return toml + (postprocessing.isEmpty() ? "" : "\n[postprocessing]\n" + postprocessing);
    }

    private static String scope(TrainingSet.Written written) {
        String pieces = written.pieces() + (written.pieces() == 1 ? " piece" : " pieces");
        return written.images() == 1
                ? "Trained on " + pieces + " of one slide, annotated in QuPath. Its figures hold for that slide; look before you use it on "
                        + "another."
                : "Trained on " + pieces + " of " + written.images() + " slides, annotated in QuPath. Its figures are of slides that it was "
                        + "not trained on; look before you use it on tissue or stains that are not among them.";
    }

    private static String color(ObjectClass one) {
        return "[" + (one.rgb() >> 16 & 0xff) + ", " + (one.rgb() >> 8 & 0xff) + ", " + (one.rgb() & 0xff) + "]";
    }

    private static void line(StringBuilder toml, String key, String value) {
        toml.append(key).append(" = ").append(value).append('\n');
    }
}
