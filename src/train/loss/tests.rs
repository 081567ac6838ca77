//! Values against references, gradients against differences, and the edges.

use super::*;
use tch::{Device, Kind};

const LABELS: [i64; 16] = [0, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1];

fn config(ss: f64, focal: f64, ce: f64, dice: f64) -> LossConfig {
    LossConfig { ss, focal, ce, dice, ..LossConfig::default() }
}

/// Logits whose softmax is p1 = 0.1 + 0.8 i / 15 and p0 = 1 - p1, in double precision.
fn golden() -> (Tensor, Tensor) {
    let p1: Vec<f64> = (0..16).map(|i| 0.1 + 0.8 * f64::from(i) / 15.0).collect();
    let logits: Vec<f64> = p1.iter().map(|p| (1.0 - p).ln()).chain(p1.iter().map(|p| p.ln())).collect();
    let logits = Tensor::from_slice(&logits).view([1, 2, 4, 4]).set_requires_grad(true);
    (logits, Tensor::from_slice(&LABELS).view([1, 4, 4]))
}

#[test]
fn the_golden_vector_of_the_reference_holds_to_1e9() {
    let (logits, labels) = golden();
    let loss = Loss::new(&config(1.0, 1.0, 1.0, 0.0), 2).unwrap().compute(&logits, &labels).unwrap();
    let want = [("ss", 0.884_587_662_8), ("focal", 0.363_100_793_5), ("ce", 0.792_076_361_6)];
    for ((name, value), (wanted, number)) in loss.terms.iter().zip(want) {
        assert_eq!(*name, wanted);
        assert!((value.double_value(&[]) - number).abs() < 1e-9, "{name}: {}", value.double_value(&[]));
    }
    let sum: f64 = want.iter().map(|term| term.1).sum();
    assert!((loss.total.double_value(&[]) - sum).abs() < 1e-9);
}

/// Labels and logits of `three_classes` in `tests/golden/losses.py`.
fn three_classes() -> (Tensor, Tensor) {
    let mut logits = Vec::new();
    let mut labels = Vec::new();
    for i in 0..2 {
        let pixels = || (0..12).flat_map(|u| (0..9).map(move |v| (u, v)));
        for k in 0..3 {
            let [i, k] = [f64::from(i), f64::from(k)];
            let value = |(u, v)| 0.9 * f64::from(u) + 0.4 * f64::from(v) * (k + 1.0) + 1.3 * k + 2.1 * i;
            logits.extend(pixels().map(|at| 1.7 * value(at).sin()));
        }
        labels.extend(pixels().map(|(u, v)| i64::from((u / 3 + v / 4 + i) % 3)));
    }
    let logits = Tensor::from_slice(&logits).view([2, 3, 12, 9]).set_requires_grad(true);
    (logits, Tensor::from_slice(&labels).view([2, 12, 9]))
}

/// One term of weight 1.
fn only(term: &str) -> LossConfig {
    let mut config = LossConfig::default();
    let name = if let Some(mode) = term.strip_prefix("ss ") {
        config.ss_mode = if mode == "local" { SsMode::Local } else { SsMode::Patch };
        "ss"
    } else {
        term
    };
    config.choose(name, None).unwrap();
    config
}

fn value(config: &LossConfig, logits: &Tensor, labels: &Tensor) -> f64 {
    let classes = logits.size()[1] as usize;
    Loss::new(config, classes).unwrap().compute(logits, labels).unwrap().total.double_value(&[])
}

const TERMS: [&str; 6] = ["ss patch", "ss local", "focal", "ce", "dice", "tversky"];

#[test]
fn every_term_has_the_value_of_the_numpy_reference_in_two_and_in_three_classes() {
    let published = [0.884_587_662_817, 1.130_598_209_858, 0.363_100_793_548, 0.792_076_361_641, 0.451_764_705_882];
    let three = [1.583_424_651_844, 1.954_109_338_743, 0.900_576_194_592, 1.278_480_472_837, 0.599_355_755_623];
    let cases = [(golden(), published, 0.451_764_705_882), (three_classes(), three, 0.599_155_547_537)];
    for ((logits, labels), numbers, tversky) in cases {
        for (term, want) in TERMS.iter().zip(numbers.into_iter().chain([tversky])) {
            let got = value(&only(term), &logits, &labels);
            assert!((got - want).abs() < 1e-9, "{term} in {} classes: {got} for {want}", logits.size()[1]);
        }
    }
    let (logits, labels) = three_classes();
    let weighted = LossConfig { class_weights: vec![1.0, 2.0, 5.0], ..only("focal") };
    assert!((value(&weighted, &logits, &labels) - 1.058_607_170_085).abs() < 1e-9);
}

#[test]
fn related_losses_meet_where_they_should() {
    let (logits, labels) = three_classes();
    let of = |config: &LossConfig| value(config, &logits, &labels);
    let even = LossConfig { tversky_alpha: 0.5, tversky_beta: 0.5, ..only("tversky") };
    assert!((of(&even) - of(&only("dice"))).abs() < 1e-12);
    let weights = vec![1.0, 2.0, 5.0];
    let flat = LossConfig { gamma: 0.0, class_weights: weights.clone(), ..only("focal") };
    assert!((of(&flat) - of(&LossConfig { class_weights: weights, ..only("ce") })).abs() < 1e-12);
    let missed = LossConfig { tversky_alpha: 0.0, tversky_beta: 1.0, ..only("tversky") };
    let everything = Tensor::from_slice(&[-50.0, 50.0]).view([1, 2, 1, 1]).expand([1, 2, 4, 4], false);
    assert!(value(&missed, &everything, &golden().1) < 1e-9, "false positives are free at alpha 0");
    let mut both = LossConfig::default();
    both.choose("ss+focal", Some(0.25)).unwrap();
    assert!((of(&both) - of(&only("ss patch")) - 0.25 * of(&only("focal"))).abs() < 1e-12);
}

#[test]
fn a_local_error_weighs_its_own_pixel_and_not_those_far_away() {
    let labels =
        Tensor::from_slice(&(0..40 * 40).map(|i| i64::from(i % 40 >= 20)).collect::<Vec<_>>()).view([1, 40, 40]);
    let sure = labels.one_hot(2).permute([0, 3, 1, 2]).to_kind(Kind::Double) * 8.0 - 4.0;
    let gradient = |term: &str| {
        // One wrong pixel in the corner.
        let logits = sure.copy();
        let _ = logits.get(0).get(0).get(2).get(2).fill_(-4.0);
        let _ = logits.get(0).get(1).get(2).get(2).fill_(4.0);
        let logits = logits.set_requires_grad(true);
        Loss::new(&only(term), 2).unwrap().compute(&logits, &labels).unwrap().total.backward();
        logits.grad().abs()
    };
    let far = |g: &Tensor| g.slice(2, 20, 40, 1).max().double_value(&[]);
    let (local, patch) = (gradient("ss local"), gradient("ss patch"));
    assert_eq!(far(&local), 0.0);
    assert!(far(&patch) > 0.0 && local.slice(2, 0, 8, 1).max().double_value(&[]) > 0.0);
}

#[test]
fn saturated_logits_give_finite_values_and_gradients() {
    for term in TERMS {
        let logits = Tensor::from_slice(&[300.0_f32, -300.0, -300.0, 300.0]).repeat([2]).view([1, 2, 2, 2]);
        let logits = logits.set_requires_grad(true);
        for labels in [[0_i64, 1, 1, 0], [0, 0, 0, 0]] {
            let labels = Tensor::from_slice(&labels).view([1, 2, 2]);
            let loss = Loss::new(&only(term), 2).unwrap().compute(&logits, &labels).unwrap();
            loss.total.backward();
            assert!(loss.total.double_value(&[]).is_finite(), "{term}");
            assert_eq!(logits.grad().isfinite().all().int64_value(&[]), 1, "{term}");
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    for ((logits, labels), places) in [(golden(), [0_i64, 7, 20, 31]), (three_classes(), [3, 100, 401, 647])] {
        for term in TERMS {
            let (config, classes) = (only(term), logits.size()[1] as usize);
            let loss = Loss::new(&config, classes).unwrap();
            let leaf = logits.detach().set_requires_grad(true);
            loss.compute(&leaf, &labels).unwrap().total.backward();
            let gradient = leaf.grad();
            for at in places {
                let moved = |by: f64| {
                    let step = Tensor::zeros([logits.numel() as i64], (Kind::Double, Device::Cpu));
                    let _ = step.get(at).fill_(by);
                    value(&config, &(logits.detach() + step.view(logits.size().as_slice())), &labels)
                };
                let numeric = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                let ours = gradient.view([-1]).double_value(&[at]);
                assert!((ours - numeric).abs() < 1e-6, "{term} at {at}: {ours} for {numeric}");
            }
        }
    }
}

#[test]
fn a_perfect_answer_costs_nothing_and_class_weights_follow_torch() {
    let (logits, labels) = golden();
    let sure = (labels.one_hot(2).permute([0, 3, 1, 2]).to_kind(Kind::Double) * 200.0) - 100.0;
    for term in TERMS {
        assert!(value(&only(term), &sure, &labels).abs() < 1e-9, "{term}");
    }
    let weights = LossConfig { class_weights: vec![0.2, 0.8], ..config(0.0, 0.0, 1.0, 0.0) };
    let ours = Loss::new(&weights, 2).unwrap().compute(&logits, &labels).unwrap();
    let w = Tensor::from_slice(&[0.2_f64, 0.8]);
    let torch = logits.cross_entropy_loss(&labels, Some(&w), tch::Reduction::Mean, -100, 0.0);
    assert!((ours.total.double_value(&[]) - torch.double_value(&[])).abs() < 1e-12);
}
