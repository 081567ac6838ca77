//! One step of pre-training, timed: forward, backward, Adam, with the published network and its loss.
//!
//! ```text
//! cargo bench --bench train_step -- --write-state DIR
//! cargo bench --bench train_step -- --state DIR --px 128 --batch 2 --precision bf16 --steps 6
//! ```
//!
//! The first call writes weights, images, noise and steps; the second trains on them and prints a line of JSON, as
//! `benches/peers/train_step.py` does with PyTorch. `benches/train_step.sh` runs both in turn.

mod common;

use common::arguments;
use slidestream::config::{DiffusionConfig, NetworkSpec, OptimizerConfig};
use slidestream::diffusion::Objective;
use slidestream::nn::weights::{self, Tensors};
use slidestream::nn::{Init, Mode, UNet, channels_last};
use slidestream::train::{Optimizer, device};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tch::{Device, Kind, Tensor, nn};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Images in a file; a batch takes the first ones.
const IMAGES: i64 = 32;
/// Steps that the files have data for.
const STEPS: i64 = 12;
const EDGES: [i64; 2] = [128, 256];

fn main() -> Result<()> {
    // As the program does.
    slidestream::cli::keep_freed_memory();
    let arguments = arguments()?;
    if let Some(folder) = arguments.get("--write-state") {
        return write_state(Path::new(folder));
    }
    let Some(state) = arguments.get("--state").map(PathBuf::from) else {
        println!("train_step: nothing to do without --state; benches/train_step.sh runs it beside PyTorch");
        return Ok(());
    };
    let get = |name: &str| arguments.get(name).ok_or_else(|| format!("{name} is missing"));
    let number = |name: &str| -> Result<i64> { Ok(get(name)?.parse()?) };
    let (px, batch, steps) = (number("--px")?, number("--batch")?, number("--steps")?);
    let compute = match get("--precision")?.as_str() {
        "f32" => Kind::Float,
        "bf16" => Kind::BFloat16,
        other => return Err(format!("--precision {other}: use f32 or bf16").into()),
    };
    let device = device::choose(arguments.get("--device").map_or("cpu", String::as_str))?;
    device::set_threads(arguments.get("--threads").map_or(Ok(0), |threads| threads.parse())?);
    run(&state, px, batch, steps, compute, device)
}

fn network(device: Device) -> Result<(nn::VarStore, UNet)> {
    tch::manual_seed(7);
    let vs = nn::VarStore::new(device);
    let network = UNet::new(&vs.root(), &NetworkSpec::default(), 3, Init::Default)?;
    Ok((vs, network))
}

fn write_state(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let (vs, _network) = network(Device::Cpu)?;
    std::fs::write(folder.join("weights.safetensors"), weights::encode(&vs, Kind::Float)?)?;
    for px in EDGES {
        let options = (Kind::Float, Device::Cpu);
        let images = Tensor::rand([IMAGES, 3, px, px], options) * 2.0 - 1.0;
        // Whole numbers, exact in float32.
        let t = Tensor::randint(1000, [STEPS, IMAGES], options);
        let tensors = Tensors::from([
            ("images".to_owned(), images),
            ("noise".to_owned(), Tensor::randn([IMAGES, 3, px, px], options)),
            ("t".to_owned(), t),
        ]);
        std::fs::write(folder.join(format!("{px}.safetensors")), weights::encode_tensors(&tensors, Kind::Float)?)?;
    }
    Ok(())
}

fn run(state: &Path, px: i64, batch: i64, steps: i64, compute: Kind, device: Device) -> Result<()> {
    if !(1..=IMAGES).contains(&batch) || !(2..=STEPS).contains(&steps) {
        return Err(format!("--batch must be 1 to {IMAGES} and --steps 2 to {STEPS}").into());
    }
    let (vs, network) = network(device)?;
    let read = |name: &str| -> Result<Tensors> {
        let path = state.join(name);
        Ok(weights::decode(&std::fs::read(&path)?, name)?)
    };
    weights::assign(&vs, &read("weights.safetensors")?, "weights.safetensors", &[])?;
    let data = read(&format!("{px}.safetensors"))?;
    let part = |name: &str| -> Result<Tensor> { Ok(data[name].f_narrow(0, 0, batch)?.f_to_device(device)?) };
    let (images, noise) = (part("images")?, part("noise")?);
    let objective = Objective::new(&DiffusionConfig::default(), device)?;
    let config = OptimizerConfig::default();
    let mut optimizer = Optimizer::new(&config, &vs)?;
    let (mut losses, mut seconds) = (Vec::new(), Vec::new());
    for step in 0..steps {
        let t = data["t"].f_get(step)?.f_narrow(0, 0, batch)?.f_to_kind(Kind::Int64)?.f_to_device(device)?;
        let began = Instant::now();
        let input = channels_last(&objective.noised(&images, &noise, &t)?)?;
        optimizer.zero_grad();
        let answer = network.forward(&input, Some(&t), Mode::train(compute))?;
        let target = objective.target(&images, &noise, &t)?;
        let loss = objective.losses(&answer, &target, &t)?.f_mean(Kind::Float)?;
        optimizer.backward(&loss)?;
        let norm = optimizer.gradient_norm()?;
        optimizer.step(config.rate, norm)?;
        // Reading a weight waits for the device.
        losses.push(loss.f_double_value(&[])?);
        seconds.push(began.elapsed().as_secs_f64());
    }
    // The first step also allocates and chooses kernels.
    let mut timed = seconds[1..].to_vec();
    timed.sort_by(f64::total_cmp);
    let line = serde_json::json!({
        "engine": "slidestream",
        "px": px,
        "batch": batch,
        "precision": if compute == Kind::Float { "f32" } else { "bf16" },
        "device": format!("{device:?}").to_lowercase(),
        "threads": tch::get_num_threads(),
        "seconds": timed[timed.len() / 2],
        "images_per_s": batch as f64 / timed[timed.len() / 2],
        "peak_rss_mb": peak_rss_mb()?,
        "losses": losses,
    });
    println!("{line}");
    Ok(())
}

/// The most memory that this process has held, in MiB.
fn peak_rss_mb() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? / 1024)
}
