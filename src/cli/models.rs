//! `slidestream models`: what models there are, what they are, and whether they compute rightly on this computer.

use crate::data::stain;
use crate::error::{Error, Result};
use crate::infer::golden::Golden;
use crate::infer::package::Package;
use crate::infer::{self, EngineOptions};
use clap::Subcommand;
#[cfg(feature = "torch")]
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Lists, shows and checks model packages.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  slidestream models list\n  slidestream models show nuclei\n  slidestream models check nuclei\n  slidestream models export nuclei nuclei.onnx\n  slidestream models import glands.onnx --description glands.toml models/glands\n\n\
                  Models are searched in the folders of $SLIDESTREAM_MODELS, in `models` beside or above the program, and \
                  in ~/.local/share/slidestream/models."
)]
pub struct ModelsArgs {
    #[command(subcommand)]
    command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Lists the models that can be named.
    List,
    /// Shows everything that a model says about itself.
    Show {
        /// Name of a model, or its folder.
        model: String,
    },
    /// Checks a model's files and compares its answer to a known tile.
    Check(CheckArgs),
    /// Writes a model as ONNX, for other runtimes.
    #[cfg(feature = "torch")]
    #[command(after_help = "Examples:\n  slidestream models export he-nuclei he-nuclei.onnx\n\n\
                            The graph takes `pixels`, float32 [batch, 3, height, width], RGB mapped to the model's input \
                            range, with height and width multiples of its stride, and gives `logits`, float32 [batch, \
                            classes, height, width]. The file's metadata name the resolution, the range, the stride and \
                            the classes. It is ONNX of operator set 17.")]
    Export {
        /// Name of a model, or its folder.
        model: String,
        /// The file to write; it must not exist.
        out: PathBuf,
    },
    /// Makes a model package around a network from elsewhere: ONNX or TorchScript.
    #[cfg(feature = "torch")]
    #[command(after_help = "Examples:\n  slidestream models import glands.onnx --description glands.toml \\\n    \
                            ~/.local/share/slidestream/models/glands\n\n\
                            The description is a model.toml without [weights]; configs/shell-v1.toml is an example. An ONNX \
                            file takes float32 [batch, 3, height, width] and gives float32 [batch, classes, height, width], \
                            with the sizes open or those of the tile; OpenVINO computes it. Before the package appears, one \
                            tile is computed.")]
    Import(ImportArgs),
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// Name of a model, or its folder.
    model: String,
    /// auto, libtorch or openvino.
    #[arg(long, default_value = "auto")]
    engine: String,
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// auto, f32, bf16 or, with CUDA, f16.
    #[arg(long, default_value = "auto")]
    precision: String,
    /// Run a model that is a program (TorchScript).
    #[arg(long)]
    trust_model: bool,
}

#[cfg(feature = "torch")]
#[derive(Debug, clap::Args)]
struct ImportArgs {
    /// The network: *.onnx or *.pt.
    file: PathBuf,
    /// What it is, wants to see and answers.
    #[arg(long, value_name = "TOML")]
    description: PathBuf,
    /// The package to make; it must not exist.
    folder: PathBuf,
    /// Run a model that is a program (TorchScript).
    #[arg(long)]
    trust_model: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// If the model is not found or unsound.
pub fn run(args: ModelsArgs) -> Result<ExitCode> {
    match args.command {
        ModelsCommand::List => Ok(list()),
        ModelsCommand::Show { model } => show(&Package::find(&model)?),
        ModelsCommand::Check(args) => check(&args),
        #[cfg(feature = "torch")]
        ModelsCommand::Export { model, out } => export(&Package::find(&model)?, &out),
        #[cfg(feature = "torch")]
        ModelsCommand::Import(args) => import(&args),
    }
}

fn list() -> ExitCode {
    let found = Package::installed();
    if found.is_empty() {
        println!("no models found; `slidestream models --help` tells where they are searched");
    }
    let widest = found.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut all_sound = true;
    for (name, package) in found {
        match package {
            Ok(Package { config, .. }) => {
                println!("{name:widest$}  {} µm per pixel  {}", config.input.mpp, config.title);
            }
            Err(error) => {
                all_sound = false;
                println!("{name:widest$}  unusable: {error}");
            }
        }
    }
    if all_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show(package: &Package) -> Result<ExitCode> {
    let failed = || Error::compute("writing the description");
    let mut table = toml::Table::try_from(&package.config).map_err(failed())?;
    if !package.config.network.is_unet()
        && let Some(network) = table.get_mut("network").and_then(toml::Value::as_table_mut)
    {
        // The others are those of a U-Net.
        network.retain(|key, _| ["kind", "stride", "answers"].contains(&key));
    }
    println!("# {}", package.folder().display());
    print!("{}", toml::to_string_pretty(&table).map_err(failed())?);
    println!("\n# {}", reach(package));
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "torch")]
fn export(package: &Package, out: &Path) -> Result<ExitCode> {
    if out.exists() {
        return Err(Error::config("OUT", out.display(), "exists already; remove it or choose another"));
    }
    let file = infer::torch_onnx::onnx(package, crate::nn::onnx::Ends::Logits, None)?;
    crate::file::write_bytes(out, &file)?;
    println!("{}: {} bytes, {} {}", out.display(), file.len(), package.config.name, package.config.version);
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "torch")]
fn import(args: &ImportArgs) -> Result<ExitCode> {
    let options = EngineOptions { trust_model: args.trust_model, device: "cpu".into(), ..EngineOptions::default() };
    let package = Package::import(&args.file, &args.description, &args.folder, |package| {
        let mut engine = infer::load(package, &options)?;
        let edge = package.config.input.tile_px;
        let tile = image::RgbImage::from_pixel(edge, edge, image::Rgb([200; 3]));
        let maps = engine.single().predict_image(&tile)?;
        println!("engine     {}: {} classes for a tile of {edge} px", engine.engine().engine, maps.classes);
        Ok(())
    })?;
    println!("{}: {} {}", package.folder().display(), package.config.name, package.config.version);
    Ok(ExitCode::SUCCESS)
}

/// What the halo is worth for this network.
fn reach(package: &Package) -> String {
    let halo = package.config.input.halo_px;
    match package.config.network.receptive_radius_px() {
        Some(radius) if radius <= halo => {
            format!("halo: {halo} px cover the network's view of {radius} px; results do not depend on where tiles end")
        }
        Some(radius) => format!(
            "halo: {halo} px are less than the network's view of {radius} px; near the rim of a core results may depend \
             a little on where tiles end"
        ),
        None if !package.config.network.is_unet() => {
            format!("halo: {halo} px; how far this network looks is not known")
        }
        None => format!("halo: {halo} px; this network takes statistics over whole tiles, so results depend on them"),
    }
}

fn check(args: &CheckArgs) -> Result<ExitCode> {
    let package = Package::find(&args.model)?;
    println!("model      {} {}, {}", package.config.name, package.config.version, package.folder().display());
    let weights = package.weights()?;
    println!("weights    {} bytes, sha256 as in model.toml", weights.len());
    println!("{}", reach(&package).replacen("halo: ", "halo       ", 1));
    let Some(golden) = package.golden()? else {
        return Err(Error::model(&package.config.name, "has no golden/input.png and golden/output.png to check with"));
    };
    let options = |device: &str, precision: &str| EngineOptions {
        engine: args.engine.clone(),
        device: device.into(),
        precision: precision.into(),
        trust_model: args.trust_model,
        ..EngineOptions::default()
    };
    let asked = answer(&package, &golden, &options(&args.device, &args.precision))?;
    let exact = if asked.exact { true } else { answer(&package, &golden, &options("cpu", "f32"))?.passed };
    Ok(if asked.passed && exact { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Answer {
    passed: bool,
    /// In float32 on the CPU.
    exact: bool,
}

/// Computes the golden tile and prints how far the answer is from the golden one.
fn answer(package: &Package, golden: &Golden, options: &EngineOptions) -> Result<Answer> {
    let mut engine = infer::load(package, options)?;
    let difference =
        golden.compare(&engine.single().predict_image(&stain::seen(&golden.input, package.config.input.channels))?)?;
    let info = engine.engine();
    let passed = difference.is_expected(&info.precision);
    println!("engine     {} on {} in {}: {}", info.engine, info.device, info.precision, info.reason);
    println!(
        "answer     {}: probabilities differ by {:.3} of 255 on average, {} at most; {:.2} % of pixels change class",
        if passed { "as expected" } else { "WRONG" },
        difference.mean,
        difference.most,
        100.0 * difference.changed
    );
    Ok(Answer { passed, exact: info.device == "cpu" && info.precision == "f32" })
}
