//! Against libtorch's optimizers, and what freezing and own rates promise.

use super::pieces::PIECE;
use super::*;
use crate::config::OptimizerKind;
use tch::nn::OptimizerConfig as _;
use tch::{Device, Kind};

fn config(kind: OptimizerKind, weight_decay: f64) -> OptimizerConfig {
    OptimizerConfig { kind, weight_decay, betas: [0.5, 0.9], ..OptimizerConfig::default() }
}

/// A store with one matrix, and the loss whose gradient at `w` is `w^3 - 1`.
fn problem() -> (nn::VarStore, Tensor) {
    let vs = nn::VarStore::new(Device::Cpu);
    let w = vs.root().var_copy("w", &Tensor::from_slice(&[2.0_f32, -1.0, 0.5, 3.0]).view([2, 2]));
    (vs, w)
}

fn loss(w: &Tensor) -> Tensor {
    (w.pow_tensor_scalar(4.0) * 0.25 - w).sum(Kind::Float)
}

fn ours(config: &OptimizerConfig, steps: u64) -> Tensor {
    let (vs, w) = problem();
    let mut optimizer = Optimizer::new(config, &vs).unwrap();
    for _ in 0..steps {
        optimizer.zero_grad();
        optimizer.backward(&loss(&w)).unwrap();
        let norm = optimizer.gradient_norm().unwrap();
        optimizer.step(0.05, norm).unwrap();
    }
    w.detach().copy()
}

#[test]
fn twenty_steps_agree_with_libtorchs_own() {
    for (kind, decay) in [(OptimizerKind::Adam, 0.0), (OptimizerKind::Adam, 0.1), (OptimizerKind::Adamw, 0.1)] {
        let (vs, w) = problem();
        let mut torch = match kind {
            OptimizerKind::Adam => {
                nn::Adam { beta1: 0.5, beta2: 0.9, wd: decay, eps: 1e-8, amsgrad: false }.build(&vs, 0.05)
            }
            OptimizerKind::Adamw => {
                nn::AdamW { beta1: 0.5, beta2: 0.9, wd: decay, eps: 1e-8, amsgrad: false }.build(&vs, 0.05)
            }
        }
        .unwrap();
        (0..20).for_each(|_| torch.backward_step(&loss(&w)));
        let difference = (ours(&config(kind, decay), 20) - w.detach()).abs().max().double_value(&[]);
        assert!(difference < 1e-6, "{kind:?} {decay}: {difference}");
    }
}

#[test]
fn the_first_step_is_the_rate_along_the_gradients_sign() {
    let moved = ours(&config(OptimizerKind::Adam, 0.0), 1) - problem().1.detach();
    let want = Tensor::from_slice(&[-0.05_f32, 0.05, 0.05, -0.05]).view([2, 2]);
    assert!((moved - want).abs().max().double_value(&[]) < 1e-6);
}

#[test]
fn a_restored_optimizer_goes_on_bit_by_bit() {
    let all = ours(&config(OptimizerKind::Adamw, 0.1), 8);
    let (vs, mut w) = problem();
    let mut first = Optimizer::new(&config(OptimizerKind::Adamw, 0.1), &vs).unwrap();
    let run = |optimizer: &mut Optimizer, w: &Tensor| {
        optimizer.zero_grad();
        optimizer.backward(&loss(w)).unwrap();
        let norm = optimizer.gradient_norm().unwrap();
        optimizer.step(0.05, norm).unwrap();
    };
    (0..5).for_each(|_| run(&mut first, &w));
    let (state, kept) = (first.state(), w.detach().copy());
    let (vs, fresh) = problem();
    let mut second = Optimizer::new(&config(OptimizerKind::Adamw, 0.1), &vs).unwrap();
    w = fresh;
    tch::no_grad(|| w.copy_(&kept));
    second.restore(&state, first.steps()).unwrap();
    (0..3).for_each(|_| run(&mut second, &w));
    assert!(w.detach().equal(&all));
}

#[test]
fn clipping_cuts_the_norm_and_keeps_the_direction() {
    let (vs, w) = problem();
    let mut optimizer =
        Optimizer::new(&OptimizerConfig { clip_norm: 1.0, ..config(OptimizerKind::Adam, 0.0) }, &vs).unwrap();
    optimizer.backward(&loss(&w)).unwrap();
    let norm = optimizer.gradient_norm().unwrap();
    assert!((norm - (49.0_f64 + 4.0 + 0.875_f64.powi(2) + 676.0).sqrt()).abs() < 1e-4, "{norm}");
    optimizer.step(0.0, norm).unwrap();
    let first = &optimizer.state()["first.w"];
    assert!((first.norm().double_value(&[]) - 0.5).abs() < 1e-5, "half of a gradient of norm 1");
}

#[test]
fn the_rate_rises_then_falls_to_its_end() {
    let config = OptimizerConfig {
        rate: 1.0,
        final_rate: 0.1,
        warmup_steps: 4,
        schedule: ScheduleKind::Cosine,
        ..OptimizerConfig::default()
    };
    let rates: Vec<f64> = (0..=24).map(|step| learning_rate(&config, step, 24)).collect();
    assert!((rates[0] - 0.2).abs() < 1e-12 && (rates[4] - 1.0).abs() < 1e-12);
    assert!((rates[14] - 0.55).abs() < 1e-12 && (rates[24] - 0.1).abs() < 1e-12);
    assert!(rates[..5].is_sorted() && rates[4..].is_sorted_by(|a, b| a > b));
}

/// A store with one weight in each place of a network of two levels, and a loss with gradient 1 everywhere.
fn places() -> (nn::VarStore, Vec<String>) {
    let vs = nn::VarStore::new(Device::Cpu);
    let modules = ["final_conv", "ups", "mid_block1", "downs", "init_conv"];
    for module in modules {
        let path = &vs.root() / "net" / module;
        let path = if module == "ups" || module == "downs" { &path / 0 } else { path };
        let _ = path.var("weight", &[2, 2], nn::Init::Const(1.0));
    }
    let names = ["net.final_conv", "net.ups.0", "net.mid_block1", "net.downs.0", "net.init_conv"];
    (vs, names.map(|name| format!("{name}.weight")).to_vec())
}

fn one_step(vs: &nn::VarStore, optimizer: &mut Optimizer) {
    optimizer.zero_grad();
    let sum = |sum: Tensor, w: Tensor| sum + w.sum(Kind::Float);
    // Frozen weights too: their share of the loss has no gradient.
    optimizer.backward(&vs.variables().into_values().fold(Tensor::from(0.0_f32), sum)).unwrap();
    let norm = optimizer.gradient_norm().unwrap();
    optimizer.step(0.01, norm).unwrap();
}

/// How far each place has moved from 1.
fn moved(vs: &nn::VarStore, names: &[String]) -> Vec<f64> {
    names.iter().map(|name| 1.0 - vs.variables()[name].double_value(&[0, 0])).collect()
}

#[test]
fn rates_fall_by_the_decay_with_every_level_below_the_head() {
    let (vs, names) = places();
    let mut optimizer = Optimizer::new(&config(OptimizerKind::Adam, 0.0), &vs).unwrap();
    let start = StartConfig { layer_decay: 0.5, head_rate: 3.0, ..StartConfig::default() };
    optimizer.follow(&start, 2).unwrap();
    one_step(&vs, &mut optimizer);
    // Adam's first step is the rate: head 3, then 1/2 for the decoder's level, 1/4 the middle, level 0, stem.
    let want = [0.03, 0.005, 0.0025, 0.01 / 16.0, 0.01 / 32.0];
    for ((name, got), want) in names.iter().zip(moved(&vs, &names)).zip(want) {
        assert!((got - want).abs() < 1e-6, "{name}: {got} for {want}");
    }
}

#[test]
fn frozen_parts_stay_and_then_start_as_new_ones_do_also_when_restored() {
    let start = StartConfig { freeze: vec!["encoder".into()], freeze_epochs: 1, ..StartConfig::default() };
    let (vs, names) = places();
    let mut optimizer = Optimizer::new(&config(OptimizerKind::Adam, 0.0), &vs).unwrap();
    optimizer.follow(&start, 2).unwrap();
    optimizer.freeze(true).unwrap();
    (0..20).for_each(|_| one_step(&vs, &mut optimizer));
    let before = moved(&vs, &names);
    assert!(before[..2].iter().all(|&m| m > 0.1) && before[2..] == [0.0; 3], "{before:?}");
    let state: BTreeMap<String, Tensor> = optimizer.state().into_iter().map(|(n, t)| (n, t.copy())).collect();

    optimizer.freeze(false).unwrap();
    one_step(&vs, &mut optimizer);
    let after = moved(&vs, &names);
    assert!(after[2..].iter().all(|m| (m - 0.01).abs() < 1e-6), "the first step is the rate: {after:?}");

    let (other, _) = places();
    let mut restored = Optimizer::new(&config(OptimizerKind::Adam, 0.0), &other).unwrap();
    restored.follow(&start, 2).unwrap();
    restored.restore(&state, 20).unwrap();
    one_step(&other, &mut restored);
    assert!(moved(&other, &names)[2..].iter().all(|m| (m - 0.01).abs() < 1e-6));
}

#[test]
fn what_cannot_be_frozen_is_refused_by_name() {
    let (vs, _) = places();
    let mut optimizer = Optimizer::new(&config(OptimizerKind::Adam, 0.0), &vs).unwrap();
    let mut refused = |parts: &[&str]| {
        let freeze = parts.iter().map(|part| (*part).to_owned()).collect();
        optimizer.follow(&StartConfig { freeze, ..StartConfig::default() }, 2).unwrap_err().to_string()
    };
    let error = refused(&["encoder", "backbone"]);
    assert!(error.contains("`start.freeze` is backbone") && error.contains("mid_block1"), "{error}");
    assert!(refused(&["encoder", "ups.0", "final_conv"]).contains("nothing is left"));
}

#[test]
fn a_parameter_updated_in_pieces_is_what_libtorchs_own_makes_of_it() {
    let start = Tensor::arange(2 * PIECE + 77, (Kind::Float, Device::Cpu)).cos();
    let loss = |w: &Tensor| (w.square() * start.sin()).sum(Kind::Float);
    let fresh = || {
        let vs = nn::VarStore::new(Device::Cpu);
        let w = vs.root().var_copy("w", &start);
        (vs, w)
    };
    let (vs, want) = fresh();
    let mut torch = nn::Adam { beta1: 0.5, beta2: 0.9, wd: 0.0, eps: 1e-8, amsgrad: false }.build(&vs, 0.05).unwrap();
    let (vs, w) = fresh();
    let mut optimizer = Optimizer::new(&config(OptimizerKind::Adam, 0.0), &vs).unwrap();
    for _ in 0..3 {
        torch.backward_step(&loss(&want));
        optimizer.zero_grad();
        optimizer.backward(&loss(&w)).unwrap();
        let norm = optimizer.gradient_norm().unwrap();
        let whole = (w.detach() * 2.0 * start.sin()).to_kind(Kind::Double).norm().double_value(&[]);
        assert!((norm - whole).abs() < 1e-6 * whole, "{norm} {whole}");
        optimizer.step(0.05, norm).unwrap();
    }
    assert!((w.detach() - want.detach()).abs().max().double_value(&[]) < 1e-6);
}

#[test]
fn weights_with_their_channels_last_move_as_others_do() {
    let start = Tensor::arange(8 * 4 * 9, (Kind::Float, Device::Cpu)).cos().view([8, 4, 3, 3]);
    let loss = |w: &Tensor| (w.square() * start.sin()).sum(Kind::Float);
    let trained = |last: bool| {
        let vs = nn::VarStore::new(Device::Cpu);
        let mut w = vs.root().var_copy("w", &start);
        if last {
            w.set_data(&crate::nn::channels_last(&w.detach()).unwrap());
        }
        assert_ne!(w.is_contiguous(), last);
        let mut optimizer = Optimizer::new(&config(OptimizerKind::Adamw, 0.1), &vs).unwrap();
        for _ in 0..3 {
            optimizer.zero_grad();
            optimizer.backward(&loss(&w)).unwrap();
            let norm = optimizer.gradient_norm().unwrap();
            optimizer.step(0.05, norm).unwrap();
        }
        w.detach().contiguous()
    };
    assert!(trained(true).equal(&trained(false)));
}

#[test]
fn gradients_of_several_losses_add_up_and_unused_parameters_stay() {
    let vs = nn::VarStore::new(Device::Cpu);
    let [a, b] = ["a", "b"].map(|name| vs.root().var(name, &[3], nn::Init::Const(2.0)));
    let mut optimizer = Optimizer::new(&config(OptimizerKind::Adam, 0.0), &vs).unwrap();
    // The same tensor is the gradient of both terms: adding in place would count it twice.
    optimizer.backward(&(&a + &a).sum(Kind::Float)).unwrap();
    optimizer.backward(&(&a * 3.0).sum(Kind::Float)).unwrap();
    assert!((optimizer.gradient_norm().unwrap() - 75.0_f64.sqrt()).abs() < 1e-6);
    optimizer.step(0.1, 0.0).unwrap();
    assert!((a.double_value(&[0]) - 1.9).abs() < 1e-6 && b.double_value(&[0]) == 2.0);
    optimizer.zero_grad();
    assert_eq!(optimizer.gradient_norm().unwrap(), 0.0);
}
