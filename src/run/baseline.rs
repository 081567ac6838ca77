//! The classical baseline on the images, pixel sizes and splits of a training run.

use super::finetune::dataset;
use super::score::{ImageScore, SplitScore, write_scores};
use crate::config::{FinetuneConfig, Labels};
use crate::data::Split;
use crate::error::{Error, Result};
use crate::metrics::instance::Matching;
use crate::metrics::segmentation::Overlap;
use crate::vectorize::baseline;
use image::{ImageBuffer, Luma};
use std::path::Path;

/// Segments every image of the configuration's data at its `input.mpp`. Writes into `out`:
///
/// | file | content |
/// |---|---|
/// | `labels/STEM.png` | 16-bit object numbers, at the model's resolution |
/// | `scores.csv`, `metrics.json` | as `finetune` writes them, so that the figures compare |
/// | `split.csv` | group, style and split of each image |
///
/// # Errors
/// The data cannot be used or have binary masks; an image has more than 65,535 nuclei; a file cannot be written.
pub fn nuclei(config: &FinetuneConfig, out: &Path, mut tell: impl FnMut(usize, usize)) -> Result<Vec<SplitScore>> {
    if config.data.labels != Labels::Instances {
        let labels = config.data.labels.name();
        return Err(Error::config("data.labels", labels, "single nuclei are scored against instance masks only"));
    }
    let (data, table) = dataset(config)?;
    let labels = out.join("labels");
    std::fs::create_dir_all(&labels).map_err(Error::io("create", &labels))?;
    table.write(&out.join("split.csv"))?;
    let mut scores = Vec::with_capacity(data.len());
    for (index, file) in table.files.iter().enumerate() {
        let sample = data.sample(index)?;
        let found = baseline::nuclei(&sample.image, config.input.mpp);
        let path = labels.join(Path::new(file).with_extension("png"));
        let narrow: Result<Vec<u16>, _> = found.labels.iter().map(|&label| u16::try_from(label)).collect();
        let narrow = narrow.map_err(Error::compute(format!("numbering the nuclei of {file} with 16 bits")))?;
        ImageBuffer::<Luma<u16>, _>::from_raw(found.size.width, found.size.height, narrow)
            .ok_or_else(|| Error::Internal("a label map of odd size".into()))?
            .save(&path)
            .map_err(Error::compute(format!("writing {}", path.display())))?;
        let names = [file.as_str(), &table.groups[index], &table.styles[index]];
        let pixels = Overlap::of(sample.labels.iter().map(|&l| l != 0), found.labels.iter().map(|&l| l != 0));
        let matching = Matching::of(&sample.labels, &found.labels);
        scores.push(ImageScore::of(names, table.splits[index].name(), &[(pixels, matching)]));
        tell(index + 1, data.len());
    }
    let splits: Vec<SplitScore> =
        Split::ALL.iter().filter_map(|split| SplitScore::of(split.name(), &scores, &[])).collect();
    write_scores(out, &scores, &splits, &[])?;
    Ok(splits)
}
