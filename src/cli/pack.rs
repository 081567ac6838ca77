//! `slidestream pack`: the program with all that it needs, as one archive for machines without a build.

use super::interrupt::{self, STOPPED};
use super::progress::duration;
use super::steps::Steps;
use crate::bundle::pack::{Content, Files, Packed, add_folder, pack};
use crate::bundle::{PROGRAM, WHOLE_PROGRAM, licences, loaded, platform};
use crate::config::display_bytes;
use crate::error::{Error, Result};
use crate::infer::package::Package;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Where this program was built, for its licence and those of its crates.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where the packed program looks for OpenVINO.
const OPENVINO: &str = "openvino/lib";

const README: &str = "\
slidestream's engine: its two programs, OpenSlide, the CPU half of libtorch, OpenVINO where it was at hand, and models.\n\n\
QuPath and Java take it from ~/.local/share/slidestream/engine (Install engine... puts it there) or from wherever\n\
SLIDESTREAM_ENGINE names the program. It also runs by itself: ./slidestream --help\n\n\
For an NVIDIA GPU set SLIDESTREAM_LIBTORCH_CUDA to the file libtorch_cuda.so of a libtorch or PyTorch 2.11.\n\
sha256sum -c SHA256SUMS checks every file.\n";

/// Packs slidestream's two programs, the libraries that they run with, models and licences into one archive for this platform.
///
/// Writes slidestream-engine-PLATFORM-cpu.tar.zst and its sha256 beside it. QuPath's Install engine... and the JVM library
/// take either. OpenVINO is packed where ./setup --openvino has brought it. The same files give the same archive. It has to
/// run where the program was built, since it asks cargo for the licences of the crates.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  slidestream pack --out dist\n  slidestream pack --out dist --model he-nuclei --level 19"
)]
pub struct PackArgs {
    /// Folder for the archive; created if needed.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Model to pack; may be given several times [default: those in the checkout's models/].
    #[arg(long = "model", value_name = "NAME|FOLDER")]
    models: Vec<String>,
    /// zstd's level: higher is smaller and slower.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(i32).range(1..=22))]
    level: i32,
    /// Print no progress.
    #[arg(long)]
    quiet: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// If a file cannot be read or written; then there is no archive.
pub fn run(args: PackArgs) -> Result<ExitCode> {
    let cancel = interrupt::token()?;
    let files = collect(&args.models)?;
    std::fs::create_dir_all(&args.out).map_err(Error::io("create", &args.out))?;
    let archive = args.out.join(format!("slidestream-engine-{}-cpu.tar.zst", platform()));
    let mut steps = Steps::of("MiB", args.quiet);
    let begun = Instant::now();
    let packed = pack(&files, &archive, args.level, &mut |done, all| {
        let left = begun.elapsed().as_secs_f64() * (all - done) as f64 / done.max(1) as f64;
        steps.at(done >> 20, all >> 20, &format!("{} left", duration(left)));
        !cancel.is_cancelled()
    });
    steps.clear();
    match packed {
        Err(Error::Cancelled) => Ok(ExitCode::from(STOPPED)),
        Err(error) => Err(error),
        Ok(Packed { content, archive: bytes, sha256 }) => {
            println!(
                "{}: {} of {} files in {}",
                archive.display(),
                display_bytes(content),
                files.len(),
                display_bytes(bytes)
            );
            println!("sha256 {sha256}");
            if !files.keys().any(|name| name.starts_with(OPENVINO)) {
                println!("without OpenVINO: ./setup --openvino brings it, then pack again");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn collect(models: &[String]) -> Result<Files> {
    let root = Path::new(ROOT);
    let program = std::env::current_exe().map_err(Error::compute("finding this program's file"))?;
    let front = program.with_file_name(PROGRAM);
    if !front.is_file() {
        let reason = "is missing beside the program that packs; cargo build --release -p slidestream-front makes it";
        return Err(Error::bad_file(front, reason));
    }
    let libraries = loaded::libraries();
    let mut files = Files::from([
        (PROGRAM.to_owned(), Content::File(front)),
        (WHOLE_PROGRAM.to_owned(), Content::File(program)),
        ("README.txt".to_owned(), Content::Bytes(README.into())),
        ("licences/slidestream.txt".to_owned(), Content::File(root.join("LICENSE"))),
        ("licences/rust-crates.txt".to_owned(), Content::Bytes(licences::of_crates(root)?.into())),
    ]);
    add_folder(&mut files, &licences::of_natives(&libraries)?, "licences")?;
    #[cfg(feature = "openvino")]
    if let Some(library) = crate::infer::openvino_library::beside_the_program() {
        add_folder(&mut files, library.parent().unwrap_or(root), OPENVINO)?;
        add_folder(&mut files, &licences::of_natives(&[library])?, "licences/openvino")?;
    }
    for library in libraries {
        let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(format!("lib/{name}"), Content::File(library));
    }
    let packages = match models {
        [] => Package::installed().into_iter().map(|(_, package)| package).collect::<Result<Vec<_>>>()?,
        models => models.iter().map(|model| Package::find(model)).collect::<Result<_>>()?,
    };
    let ours = |package: &Package| !models.is_empty() || package.folder().starts_with(root.join("models"));
    for package in packages.iter().filter(|package| ours(package)) {
        add_folder(&mut files, package.folder(), &format!("models/{}", package.config.name))?;
    }
    Ok(files)
}
