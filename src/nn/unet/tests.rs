//! The network against the published figures, an independent implementation, and itself.

use super::*;
use crate::config::Normalisation;
use crate::nn::{channels_last, weights};
use std::collections::BTreeMap;

fn parameters(spec: &NetworkSpec, out_channels: i64) -> BTreeMap<String, i64> {
    let vs = nn::VarStore::new(Device::Cpu);
    UNet::new(&vs.root(), spec, out_channels, Init::Default).unwrap();
    vs.variables().into_iter().map(|(name, tensor)| (name, tensor.numel() as i64)).collect()
}

fn total(spec: &NetworkSpec, out_channels: i64) -> i64 {
    parameters(spec, out_channels).values().sum()
}

fn of_widths(dim: i64, multipliers: &[i64]) -> NetworkSpec {
    NetworkSpec { dim, multipliers: multipliers.to_vec(), ..NetworkSpec::default() }
}

/// A network far smaller than the published one but with all of its parts.
fn small(local: bool) -> NetworkSpec {
    NetworkSpec {
        normalisation: if local { Normalisation::Batch } else { Normalisation::Group },
        attention: !local,
        full_resolution_skip: local,
        time_embedding: !local,
        ..of_widths(16, &[1, 2, 3])
    }
}

/// The network, input, steps and exact output of one of the files that `tests/golden/unet_reference.py` wrote.
fn golden(name: &str, spec: &NetworkSpec) -> (UNet, Tensor, Option<Tensor>, Tensor) {
    let path = format!("{}/tests/golden/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
    let mut tensors = weights::decode(&std::fs::read(path).unwrap(), name).unwrap();
    let (input, output) = (tensors.remove("golden.input").unwrap(), tensors.remove("golden.output").unwrap());
    let steps = tensors.remove("golden.steps");
    let vs = nn::VarStore::new(Device::Cpu);
    let net = UNet::new(&vs.root(), spec, 3, Init::Reference).unwrap();
    weights::assign(&vs, &tensors, name, &[]).unwrap();
    (net, input, steps, output)
}

fn farthest(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    f64::try_from((a - b).abs().max()).unwrap()
}

const EVAL: Mode = Mode::eval(Kind::Float);

#[test]
fn the_published_network_has_the_published_parameters() {
    let spec = NetworkSpec::default();
    let names = parameters(&spec, 3);
    assert_eq!(names.len(), 256);
    assert_eq!(names.values().sum::<i64>(), 31_267_083);
    let table = [
        ("init_conv", 6_216),
        ("time_mlp", 82_432),
        ("downs.0.0", 80_640),
        ("downs.0.1", 90_560),
        ("downs.0.2", 33_088),
        ("downs.0.3", 65_600),
        ("downs.1.0", 263_168),
        ("downs.1.1", 328_576),
        ("downs.1.2", 66_176),
        ("downs.1.3", 262_272),
        ("downs.2.0", 985_088),
        ("downs.2.1", 1_246_976),
        ("downs.2.2", 132_352),
        ("downs.2.3", 1_048_832),
        ("downs.3.0", 3_805_184),
        ("downs.3.1", 4_853_248),
        ("downs.3.2", 264_704),
        ("mid_block1", 4_853_248),
        ("mid_block2", 4_853_248),
        ("mid_attn", 263_680),
        ("ups.0.0", 3_278_848),
        ("ups.0.1", 1_246_976),
        ("ups.0.2", 132_352),
        ("ups.0.3", 1_048_832),
        ("ups.1.0", 836_608),
        ("ups.1.1", 328_576),
        ("ups.1.2", 66_176),
        ("ups.1.3", 262_272),
        ("ups.2.0", 217_600),
        ("ups.2.1", 90_560),
        ("ups.2.2", 33_088),
        ("ups.2.3", 65_600),
        ("final_conv.0", 74_112),
        ("final_conv.1", 195),
    ];
    for (module, want) in table {
        let prefix = format!("net.{module}.");
        let got: i64 = names.iter().filter(|(name, _)| name.starts_with(&prefix)).map(|(_, n)| n).sum();
        assert_eq!(got, want, "{module}");
    }
    assert_eq!(table.iter().map(|(_, n)| n).sum::<i64>(), 31_267_083, "the table covers every module");
    assert_eq!([2, 3, 4].map(|classes| total(&spec, classes)), [31_267_018, 31_267_083, 31_267_148]);
}

#[test]
fn the_width_ablation_of_the_paper_has_its_parameters() {
    assert_eq!(total(&of_widths(64, &[1, 2, 4]), 3), 8_243_723);
    assert_eq!(total(&of_widths(32, &[1, 2, 4, 8]), 3), 8_073_331);
    assert_eq!(total(&of_widths(64, &[1, 2, 3, 4]), 3), 13_044_107);
    assert_eq!(total(&of_widths(64, &[1, 2, 4, 8, 16]), 3), 121_222_923);
}

#[test]
fn outputs_equal_the_reference_for_every_variant() {
    for (name, spec) in [("unet_published", small(false)), ("unet_local", small(true))] {
        let (net, input, steps, output) = golden(name, &spec);
        let got = tch::no_grad(|| net.forward(&input, steps.as_ref(), EVAL)).unwrap();
        assert!(farthest(&got, &output) < 1e-5, "{name}: {:e}", farthest(&got, &output));
        let with_gradients = net.forward(&input, steps.as_ref(), EVAL).unwrap();
        assert!(farthest(&with_gradients, &output) < 1e-5, "{name}: operations in place change the result");
        // With their channels last libtorch's group normalisation sums squares and not deviations.
        let last = channels_last(&input).unwrap();
        let got = tch::no_grad(|| net.forward(&last, steps.as_ref(), EVAL)).unwrap();
        let largest = output.abs().max().double_value(&[]);
        assert!(farthest(&got, &output) < 1e-5 * largest, "{name}: {:e}", farthest(&got, &output));
    }
}

#[test]
fn bfloat16_stays_near_float32_and_gives_float32() {
    for (name, spec) in [("unet_published", small(false)), ("unet_local", small(true))] {
        let (net, input, steps, output) = golden(name, &spec);
        let got = tch::no_grad(|| net.forward(&input, steps.as_ref(), Mode::eval(Kind::BFloat16))).unwrap();
        assert_eq!(got.kind(), Kind::Float);
        let share = f64::try_from((&got - &output).square().mean(Kind::Float).sqrt() / output.std(true)).unwrap();
        assert!(share < 0.03, "{name}: root mean square deviation is {share} of the output's spread");
    }
}

#[test]
fn folding_changes_nothing_but_rounding() {
    for (name, spec) in [("unet_published", small(false)), ("unet_local", small(true))] {
        let (net, input, ..) = golden(name, &spec);
        let folded = net.folded(Kind::Float, Device::Cpu).unwrap();
        let forward = |net: &UNet| tch::no_grad(|| net.forward(&input, None, EVAL)).unwrap();
        let (whole, folded) = (forward(&net), forward(&folded));
        assert!(farthest(&whole, &folded) < 1e-4, "{name}: {:e}", farthest(&whole, &folded));
    }
}

#[test]
fn no_steps_means_step_0_for_every_image() {
    let (net, input, ..) = golden("unet_published", &small(false));
    let zeros = Tensor::zeros([2], (Kind::Int64, Device::Cpu));
    let forward = |steps| tch::no_grad(|| net.forward(&input, steps, EVAL)).unwrap();
    let distance = farthest(&forward(None), &forward(Some(&zeros)));
    assert!(distance < 1e-5, "{distance:e}");
}

#[test]
fn the_specifications_step_is_what_the_network_and_its_folded_copy_are_fed() {
    let (zero, input, ..) = golden("unet_published", &small(false));
    let (net, ..) = golden("unet_published", &NetworkSpec { step: 300, ..small(false) });
    let forward = |net: &UNet, steps| tch::no_grad(|| net.forward(&input, steps, EVAL)).unwrap();
    let steps = Tensor::from_slice(&[300_i64, 300]);
    let own = forward(&net, None);
    assert!(farthest(&own, &forward(&zero, Some(&steps))) < 1e-5);
    assert!(farthest(&own, &forward(&net.folded(Kind::Float, Device::Cpu).unwrap(), None)) < 1e-4);
    assert!(farthest(&own, &forward(&zero, None)) > 1e-3, "the step matters");
}

#[test]
fn every_parameter_gets_a_gradient_and_no_statistic_does() {
    for spec in [small(false), small(true)] {
        for compute in [Kind::Float, Kind::BFloat16] {
            let vs = nn::VarStore::new(Device::Cpu);
            let net = UNet::new(&vs.root(), &spec, 3, Init::Default).unwrap();
            let x = Tensor::rand([2, 3, 32, 32], (Kind::Float, Device::Cpu));
            net.forward(&x, None, Mode::train(compute)).unwrap().square().mean(Kind::Float).backward();
            for (name, tensor) in vs.variables() {
                let learned = tensor.grad().defined() && f64::try_from(tensor.grad().abs().max()).unwrap() > 0.0;
                assert_eq!(learned, !name.contains(".running_"), "{name} in {compute:?}");
            }
        }
    }
}

#[test]
fn shapes_and_steps_that_cannot_be_used_are_refused_with_the_cure() {
    let (net, ..) = golden("unet_local", &small(true));
    let zeros = |size: [i64; 4]| Tensor::zeros(size, (Kind::Float, Device::Cpu));
    let error = net.forward(&zeros([1, 3, 30, 32]), None, EVAL).unwrap_err().to_string();
    assert!(error.contains("[1, 3, 30, 32]") && error.contains("multiples of 4"), "{error}");
    assert!(net.forward(&zeros([1, 1, 32, 32]), None, EVAL).is_err());
    let steps = Tensor::zeros([1], (Kind::Int64, Device::Cpu));
    let error = net.forward(&zeros([1, 3, 32, 32]), Some(&steps), EVAL).unwrap_err().to_string();
    assert!(error.contains("network.time_embedding"), "{error}");
}

#[test]
fn every_level_has_the_published_width_and_resolution() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = UNet::new(&vs.root(), &NetworkSpec::default(), 3, Init::Default).unwrap();
    // A quarter of the published 256 pixels: the levels lie at 64, 32, 16 and 8 instead of 256, 128, 64 and 32.
    let x = Tensor::zeros([1, 3, 64, 64], (Kind::Float, Device::Cpu));
    tch::no_grad(|| {
        let time = net.embed(None, Device::Cpu).unwrap();
        assert_eq!(time.as_ref().unwrap().size(), [1, 256]);
        let (mut x, skips) = net.encode(&x, time.as_ref(), EVAL).unwrap();
        let sizes: Vec<_> = skips.iter().map(Tensor::size).collect();
        assert_eq!(sizes, [[1, 64, 64, 64], [1, 128, 32, 32], [1, 256, 16, 16], [1, 512, 8, 8]]);
        assert_eq!(x.size(), [1, 512, 8, 8]);
        let ups: [[[i64; 4]; 2]; 3] = [
            [[1, 256, 8, 8], [1, 256, 16, 16]],
            [[1, 128, 16, 16], [1, 128, 32, 32]],
            [[1, 64, 32, 32], [1, 64, 64, 64]],
        ];
        assert_eq!(net.ups.len(), ups.len(), "level 0 has no stage in the decoder");
        for ((stage, skip), [features, enlarged]) in net.ups.iter().zip(skips.iter().rev()).zip(ups) {
            x = stage.features(&Tensor::cat(&[&x, skip], 1), time.as_ref(), EVAL).unwrap();
            assert_eq!(x.size(), features);
            x = stage.resize.as_ref().unwrap().forward(&x, EVAL).unwrap();
            assert_eq!(x.size(), enlarged);
        }
        assert_eq!(
            net.forward(&Tensor::zeros([2, 3, 64, 64], (Kind::Float, Device::Cpu)), None, EVAL).unwrap().size(),
            [2, 3, 64, 64]
        );
    });
}
