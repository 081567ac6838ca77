//! The model card: README.md of the package.

use crate::config::{ClassRole, FinetuneConfig, ModelPackage, Select, SplitBy, Task};
use crate::run::score::{ImageScore, SplitScore};
use std::collections::BTreeSet;
use std::fmt::Write;

/// What a user must know before trusting the model.
pub(super) fn card(
    package: &ModelPackage,
    config: &FinetuneConfig,
    scores: &[ImageScore],
    splits: &[SplitScore],
    parameters: u64,
) -> String {
    let mut text = format!("# {} {}\n\n{}.\n", package.name, package.version, package.title.trim_end_matches('.'));
    if !config.model.scope.is_empty() {
        let _ = write!(text, "\n{}\n", config.model.scope);
    }
    let what = match package.task {
        Task::Instances => "single objects, touching ones separated",
        Task::Regions => "connected areas",
    };
    let of_objects = package.classes.iter().filter(|class| class.role == ClassRole::Object);
    let names: Vec<String> = of_objects.map(|class| format!("`{}`", class.name)).collect();
    let input = &package.input;
    let _ = write!(
        text,
        "\n| | |\n|---|---|\n| Finds | {}: {what} |\n| Resolution | {} micrometres per pixel; slides are read at it |\n\
         | Tile | {} px, {} px of it halo on each side |\n| Network | U-Net of {:.1} million parameters |\n\
         | Licence of the weights | {} |\n",
        names.join(", "),
        input.mpp,
        input.tile_px,
        input.halo_px,
        parameters as f64 / 1e6,
        package.license,
    );
    let _ = write!(
        text,
        "\n## How good it is\n\nMeans over images. Weights as shipped, float32, objects by the postprocessing of \
         `model.toml`. AJI and F1 (at IoU above 0.5) count objects, Dice counts pixels.\n\n"
    );
    text.push_str("| split | images | objects | Dice | AJI | AJI+ | PQ | F1 |\n|---|---|---|---|---|---|---|---|\n");
    splits.iter().for_each(|score| row(&mut text, score.split, score));
    styles(&mut text, scores);
    classes(&mut text, splits);
    let chosen = match config.training.select {
        Select::Last => "the last epoch was taken, and `val` was free to choose the postprocessing",
        Select::ValDice | Select::ValLoss => "`val` chose the epoch, so its figures are a little too good",
    };
    let apart = match config.data.split_by {
        SplitBy::Patch => {
            "**Images were divided one by one: images of one slide or patient are in several splits, and the figures are \
             too good. They serve to compare with figures that were made in the same way, and for nothing else.**"
        }
        SplitBy::Group => {
            "Images of one group (slide, patient, or look-alike) are never in two splits. Groups made by look are a guess: \
             two groups may still share a slide, and the figures hold for images like these, not for other laboratories."
        }
    };
    let _ = write!(text, "\nThe weights were fitted to `train`; {chosen}; `test` was not looked at. {apart}\n");
    text.push_str("\n## How it was made\n\n");
    for (key, value) in &package.training {
        let _ = writeln!(text, "- {key}: {value}");
    }
    let _ = write!(
        text,
        "- loss: {}\n- augmentation: magnification {:?}, stain {}, \
         re-staining of {} of the crops, hue of {} of the crops, blur, noise, JPEG\n",
        config.loss.describe(),
        config.augment.scale,
        config.augment.stain,
        config.augment.restain.probability,
        config.augment.hue_share,
    );
    text.push_str(
        "\n## Limits\n\nNot a medical device. Not evaluated for diagnosis. Check the outlines on your own slides, stain and \
         scanner before using any number that rests on them.\n",
    );
    text
}

fn row(text: &mut String, name: &str, score: &SplitScore) {
    let SplitScore { images, objects, dice, aji, aji_plus, pq, f1, .. } = score;
    let _ =
        writeln!(text, "| {name} | {images} | {objects} | {dice:.3} | {aji:.3} | {aji_plus:.3} | {pq:.3} | {f1:.3} |");
}

/// Dice of each class, where there are several.
fn classes(text: &mut String, splits: &[SplitScore]) {
    let Some(first) = splits.first().filter(|split| !split.class_dice.is_empty()) else { return };
    let heads: String = splits.iter().map(|split| format!(" {} |", split.split)).collect();
    let _ = write!(
        text,
        "\nWith several classes the figures above are means over the classes that an image shows. Dice by class (`-`: no image \
         of the split shows it):\n\n| class |{heads}\n|---|{}\n",
        "---|".repeat(splits.len())
    );
    for class in first.class_dice.keys() {
        let dice = |split: &SplitScore| {
            split
                .class_dice
                .get(class)
                .filter(|dice| dice.is_finite())
                .map_or(" - |".into(), |dice| format!(" {dice:.3} |"))
        };
        let _ = writeln!(text, "| {class} |{}", splits.iter().map(dice).collect::<String>());
    }
}

/// The same by style, where there is more than one.
fn styles(text: &mut String, scores: &[ImageScore]) {
    let styles: BTreeSet<&str> = scores.iter().map(|score| score.style.as_str()).collect();
    if styles.len() < 2 {
        return;
    }
    let splits: BTreeSet<&'static str> = scores.iter().map(|score| score.split).collect();
    for style in styles {
        let of: Vec<ImageScore> = scores.iter().filter(|score| score.style == style).cloned().collect();
        for split in splits.iter().filter(|split| **split != "train") {
            if let Some(score) = SplitScore::of(split, &of, &[]) {
                row(text, &format!("{split}, {style}"), &score);
            }
        }
    }
}
