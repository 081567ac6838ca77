//! Model packages: a folder with `model.toml`, the weights, a card and one answer to check a computer with.
//!
//! ```text
//! nuclei/  model.toml  weights.safetensors  README.md  golden/input.png  golden/output.png
//! ```

use super::golden::{Golden, INPUT, OUTPUT};
use crate::config::ModelPackage;
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

const CONFIG: &str = "model.toml";
const CARD: &str = "README.md";
/// Folders of model packages, separated like those of `PATH`.
const FOLDERS: &str = "SLIDESTREAM_MODELS";

/// A model package on disk whose `model.toml` has been read and checked.
#[derive(Debug, Clone)]
pub struct Package {
    folder: PathBuf,
    /// The contents of `model.toml`.
    pub config: ModelPackage,
}

impl Package {
    /// The package in a folder, or the first one of this name in [`Package::folders`].
    ///
    /// # Errors
    /// [`Error::Model`] that lists the names available, or as [`Package::load`].
    pub fn find(name_or_folder: &str) -> Result<Self> {
        if Path::new(name_or_folder).join(CONFIG).is_file() {
            return Self::load(Path::new(name_or_folder));
        }
        let is_name = Path::new(name_or_folder).components().eq([Component::Normal(OsStr::new(name_or_folder))]);
        let folders = Self::folders();
        let mut places = folders.iter().map(|folder| folder.join(name_or_folder));
        if let Some(folder) = places.find(|folder| is_name && folder.join(CONFIG).is_file()) {
            return Self::load(&folder);
        }
        let names: Vec<String> = Self::installed().into_iter().map(|(name, _)| name).collect();
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let searched = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
        let reason = format!(
            "is neither a folder with a {CONFIG} nor a model in {searched}; available: {known}; \
             {FOLDERS} may name other folders"
        );
        Err(Error::model(name_or_folder, reason))
    }

    /// Folders searched for packages, first to last: those of `$SLIDESTREAM_MODELS`; `models` beside the program or in
    /// one of the four folders above it; `slidestream/models` in the user's data folder. Only those that exist.
    pub fn folders() -> Vec<PathBuf> {
        let named = std::env::var_os(FOLDERS).map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>());
        let program = std::env::current_exe().ok();
        let beside =
            program.iter().flat_map(|path| path.ancestors().skip(1).take(5)).map(|folder| folder.join("models"));
        let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share"));
        let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or(home);
        let user = data.map(|data| data.join("slidestream/models"));
        named.into_iter().flatten().chain(beside).chain(user).filter(|folder| folder.is_dir()).collect()
    }

    /// Name and contents of every package in [`Package::folders`], sorted by name; of one name only the first found.
    pub fn installed() -> Vec<(String, Result<Self>)> {
        let mut found: Vec<(String, Result<Self>)> = Vec::new();
        for folder in Self::folders() {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            for path in entries.map(|entry| entry.path()).filter(|path| path.join(CONFIG).is_file()) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if found.iter().all(|(known, _)| *known != name) {
                    found.push((name, Self::load(&path)));
                }
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found
    }

    /// The package in `folder`. The weights are not read yet.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::BadFile`] for `model.toml`, [`Error::Config`] that names one of its fields.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(CONFIG);
        let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let config: ModelPackage = toml::from_str(&text).map_err(|e| Error::bad_file(&path, e.to_string()))?;
        config.validate()?;
        let package = Self { folder: folder.to_owned(), config };
        package.check_files()?;
        Ok(package)
    }

    /// Do the files named fit the network's kind, and lie in the package?
    fn check_files(&self) -> Result<()> {
        let (network, weights) = (&self.config.network, &self.config.weights);
        let external = weights.external.as_ref().map(|external| ("weights.external.file", &external.file));
        for (field, file) in [("weights.file", &weights.file)].into_iter().chain(external) {
            if !Path::new(file).components().eq([Component::Normal(OsStr::new(file))]) {
                return Err(Error::config(field, file, "must be the name of a file beside model.toml"));
            }
        }
        if self.is_torchscript() != network.is_torchscript() {
            let reason = "must be `torchscript` for weights in a *.pt file, and for these only";
            return Err(Error::config("network.kind", &network.kind, reason));
        }
        if weights.file.ends_with(".onnx") != network.is_onnx() {
            let reason = "must be `onnx` for weights in a *.onnx file, and for these only";
            return Err(Error::config("network.kind", &network.kind, reason));
        }
        match external {
            Some((field, file)) if !network.is_onnx() => Err(Error::config(field, file, "is for `onnx` models only")),
            _ => Ok(()),
        }
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its card, Markdown, if it has a readable one.
    pub fn card(&self) -> Option<String> {
        fs::read_to_string(self.folder.join(CARD)).ok()
    }

    /// The file with the weights, whole, after comparing its hash with that of `model.toml`.
    ///
    /// # Errors
    /// [`Error::Model`] if the file was changed or is a pickle, which could run any program when read.
    pub fn weights(&self) -> Result<Vec<u8>> {
        let path = self.folder.join(&self.config.weights.file);
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        let name = &self.config.name;
        // A safetensors file begins with a length of 8 bytes, which may look like a pickle's first byte, and a JSON object.
        let looks_foreign = bytes.starts_with(b"PK") || bytes.starts_with(b"\x80");
        if !self.is_torchscript() && looks_foreign && bytes.get(8) != Some(&b'{') {
            let reason = format!(
                "{} is a pickle or TorchScript file under another name; both can run programs. Convert its \
                 parameters with the Python package safetensors (`safetensors.torch.save_file`)",
                path.display()
            );
            return Err(Error::model(name, reason));
        }
        self.check_hash(&path, &bytes, &self.config.weights.sha256)?;
        Ok(bytes)
    }

    /// The second file with weights, if there is one, after comparing its hash with that of `model.toml`.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Model`] if it was changed.
    pub fn external(&self) -> Result<Option<PathBuf>> {
        let Some(external) = &self.config.weights.external else { return Ok(None) };
        let path = self.folder.join(&external.file);
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        self.check_hash(&path, &bytes, &external.sha256)?;
        Ok(Some(path))
    }

    fn check_hash(&self, path: &Path, bytes: &[u8], want: &str) -> Result<()> {
        let got = sha256(bytes);
        if want.eq_ignore_ascii_case(&got) {
            return Ok(());
        }
        let reason = format!(
            "{} has the sha256 {got}, but {CONFIG} says {want}: the file is damaged or was replaced; install the package \
             again",
            path.display()
        );
        Err(Error::model(&self.config.name, reason))
    }

    /// Is the model a program (`*.pt`) rather than parameters?
    pub fn is_torchscript(&self) -> bool {
        self.config.weights.file.ends_with(".pt")
    }

    /// The tile to check a computer with, if the package has one.
    ///
    /// # Errors
    /// [`Error::BadFile`] if an image is damaged or the two do not fit together.
    pub fn golden(&self) -> Result<Option<Golden>> {
        Golden::read(&self.folder, self.config.classes.len())
    }

    /// Makes the package `folder`, which must not exist yet, from `weights`, the bytes of a safetensors file. The hash
    /// in `config.weights` is filled in. The folder appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::Config`] for an unsound `config` or an existing folder, [`Error::Io`] if the disk refuses.
    pub fn write(folder: &Path, mut config: ModelPackage, weights: &[u8], card: &str, golden: &Golden) -> Result<Self> {
        config.weights.sha256 = sha256(weights);
        config.validate()?;
        Self::place(folder, |draft| write_draft(draft, &config, weights, card, golden))
    }

    /// Lets `fill` make the package in a folder beside `folder`, which must not exist yet, and puts it there when it is
    /// complete.
    pub(super) fn place(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        if folder.exists() {
            return Err(Error::config("folder", folder.display(), "exists already; remove it or choose another"));
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let draft = folder.with_file_name(format!(".{name}.partial-{}", std::process::id()));
        let result = fill(&draft).and_then(|()| fs::rename(&draft, folder).map_err(Error::io("create", folder)));
        if result.is_err() {
            // The first error is the one to report; a draft left behind does no harm.
            let _ = fs::remove_dir_all(&draft);
        }
        result?;
        Self::load(folder)
    }
}

fn write_draft(draft: &Path, config: &ModelPackage, weights: &[u8], card: &str, golden: &Golden) -> Result<()> {
    fs::create_dir_all(draft.join("golden")).map_err(Error::io("create", draft))?;
    let toml = toml::to_string_pretty(config).map_err(Error::compute("writing model.toml"))?;
    let files = [(CONFIG, toml.as_bytes()), (&*config.weights.file, weights), (CARD, card.as_bytes())];
    for (file, bytes) in files {
        let path = draft.join(file);
        fs::write(&path, bytes).map_err(Error::io("write", &path))?;
    }
    golden.write(draft)?;
    [CONFIG, &*config.weights.file, CARD, INPUT, OUTPUT].iter().try_for_each(|file| flush(&draft.join(file)))
}

pub(super) fn flush(path: &Path) -> Result<()> {
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("flush", path))
}

/// In lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WeightsSpec;
    use crate::infer::fake::FakeSegmenter;
    use crate::tile::ProbabilityMaps;
    use image::{Rgb, RgbImage};

    fn written(parent: &Path) -> Package {
        let mut config = FakeSegmenter::package(0.5, 64, 16);
        config.weights = WeightsSpec { file: "weights.safetensors".into(), sha256: String::new(), external: None };
        config.metrics.insert("val.dice".into(), 0.5);
        let input = RgbImage::from_pixel(16, 8, Rgb([200, 100, 150]));
        let values = (0..16 * 8 * 3).map(|i| (i % 256) as u8).collect();
        let output = ProbabilityMaps { classes: 3, width: 16, height: 8, values };
        Package::write(&parent.join("fake"), config, b"weights", "# Card\n", &Golden { input, output }).unwrap()
    }

    #[test]
    fn a_package_comes_back_as_it_was_written() {
        let parent = tempfile::tempdir().unwrap();
        let package = written(parent.path());
        assert_eq!(package.weights().unwrap(), b"weights");
        assert_eq!(package.config.metrics["val.dice"], 0.5);
        let golden = package.golden().unwrap().unwrap();
        assert_eq!(golden.output.plane(1)[0], 128);
        assert_eq!(Package::load(package.folder()).unwrap().config, package.config);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "no draft stays behind");
        let again = Package::write(package.folder(), package.config.clone(), b"", "", &golden);
        assert!(again.unwrap_err().to_string().contains("exists already"));
    }

    #[test]
    fn a_program_must_say_that_it_is_one() {
        let parent = tempfile::tempdir().unwrap();
        let package = written(parent.path());
        let path = package.folder().join(CONFIG);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("weights.safetensors", "model.pt")).unwrap();
        assert!(Package::load(package.folder()).unwrap_err().to_string().contains("network.kind"));
    }

    #[test]
    fn changed_weights_are_refused_with_both_hashes() {
        let parent = tempfile::tempdir().unwrap();
        let package = written(parent.path());
        fs::write(package.folder().join("weights.safetensors"), b"Weights").unwrap();
        let error = package.weights().unwrap_err().to_string();
        assert!(error.contains(&sha256(b"weights")) && error.contains(&sha256(b"Weights")), "{error}");
    }

    #[test]
    fn a_pickle_is_refused_whatever_its_name_and_hash() {
        for magic in [b"PK\x03\x04rest", b"\x80\x02}q\x00.12"] {
            let parent = tempfile::tempdir().unwrap();
            let mut package = written(parent.path());
            fs::write(package.folder().join("weights.safetensors"), magic).unwrap();
            package.config.weights.sha256 = sha256(magic);
            let error = package.weights().unwrap_err().to_string();
            assert!(error.contains("pickle") && error.contains("save_file"), "{error}");
        }
    }

    #[test]
    fn weights_outside_the_package_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let package = written(parent.path());
        let path = package.folder().join(CONFIG);
        for file in ["../weights.safetensors", "/etc/passwd", ""] {
            let text = fs::read_to_string(&path).unwrap();
            let old = text.lines().find(|line| line.starts_with("file = ")).unwrap();
            fs::write(&path, text.replace(old, &format!("file = \"{file}\""))).unwrap();
            assert!(Package::load(package.folder()).unwrap_err().to_string().contains("weights.file"), "{file}");
        }
    }

    #[test]
    fn an_unknown_name_lists_where_was_searched() {
        let error = Package::find("no-such-model").unwrap_err().to_string();
        assert!(error.contains("no-such-model") && error.contains("available: "), "{error}");
        assert!(Package::find("../no-such-model").is_err());
    }

    #[test]
    fn an_unknown_key_in_model_toml_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let path = written(parent.path()).folder().join(CONFIG);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("mmp = 0.5\n{text}")).unwrap();
        let error = Package::load(path.parent().unwrap()).unwrap_err().to_string();
        assert!(error.contains("mmp") && error.contains("model.toml"), "{error}");
    }
}
