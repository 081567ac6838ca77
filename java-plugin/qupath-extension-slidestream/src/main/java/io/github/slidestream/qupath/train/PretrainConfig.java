package io.github.slidestream.qupath.train;

import java.util.List;

/** The configuration of a pre-training from QuPath; {@code docs/pretrain.md} explains every key. */
final class PretrainConfig {
    private PretrainConfig() {}

    /**
     * @param name of the run
     * @param mpp of the model, micrometres per pixel
     * @param epochs how many, of 100 steps each
     * @param slides what to learn from
     * @return TOML
     */
    static String toml(String name, double mpp, int epochs, List<PretrainRun.Slide> slides) {
        boolean checked = slides.size() > 1;
        StringBuilder toml = new StringBuilder("# Written by the QuPath extension; docs/pretrain.md explains every key.\n");
        toml.append("seed = 11\nname = ").append(Toml.text(name)).append("\n\n[input]\n");
        toml.append("mpp = ").append(Toml.number(mpp)).append("\nrange = [-1.0, 1.0]\n");
        toml.append("""

                [pretext]
                kind = "diffusion"
                steps = 1000
                schedule = { kind = "quadratic", first = 1e-4, last = 0.02 }
                predict = "epsilon"
                weight = { kind = "p2", k = 1.0, gamma = 1.0 }
                draw = "stratified"

                [network]
                dim = 24
                multipliers = [1, 2, 4]
                normalisation = "batch"
                attention = false
                full_resolution_skip = true
                time_embedding = true

                [augment]
                dihedral = true
                scale = [0.8, 1.25]
                stain = 0.1
                brightness = 0.1
                contrast = 0.1
                blur_share = 0.0

                [optimizer]
                kind = "adamw"
                rate = 5e-4
                betas = [0.9, 0.99]
                weight_decay = 0.01
                clip_norm = 1.0
                schedule = "cosine"
                warmup_steps = 100
                final_rate = 1e-6

                [training]
                steps_per_epoch = 100
                batch = 8
                crop_px = 128
                ema = 0.995
                val_crops = 32
                sheet_every = 5
                """);
        toml.append("epochs = ").append(epochs).append('\n');
        // A slide that is learnt from cannot check: with one slide nothing is held out.
        toml.append(checked ? "val_share = 0.1\nselect = \"val_loss\"\n" : "val_share = 0.0\nselect = \"last\"\n");
        for (PretrainRun.Slide slide : slides) {
            toml.append("\n[[source]]\nkind = \"slides\"\npaths = [").append(Toml.path(slide.file())).append("]\n");
            toml.append("mpp = ").append(Toml.number(slide.microns())).append('\n');
        }
        return toml.toString();
    }
}
