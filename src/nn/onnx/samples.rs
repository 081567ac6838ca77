//! Every kind of layer as an ONNX file, with what libtorch makes of an input.

use super::graph::{Element, Graph};
use crate::config::{NetworkSpec, Normalisation};
use crate::nn::attention::Attention;
use crate::nn::blocks::{ResBlock, Widths};
use crate::nn::layers::{Conv, Kernel, Norm, Result};
use crate::nn::{Init, Mode, UNet};
use tch::{Device, Kind, Tensor, nn};

/// A graph from `x` to `y`, an input, and libtorch's answer in float32.
pub(crate) struct Sample {
    pub name: String,
    pub onnx: Vec<u8>,
    pub shape: Vec<i64>,
    pub input: Vec<f32>,
    pub want: Vec<f32>,
}

const EVAL: Mode = Mode::eval(Kind::Float);

/// One a kind of layer, and two networks: the published one, narrower, and ours.
pub(crate) fn samples() -> Vec<Sample> {
    tch::manual_seed(5);
    let _guard = tch::no_grad_guard();
    let vs = nn::VarStore::new(Device::Cpu);
    let root = vs.root();
    let mut all = Vec::new();
    let kernels = [
        ("stem", Kernel::STEM),
        ("block", Kernel::BLOCK),
        ("point", Kernel::POINT),
        ("down", Kernel::DOWN),
        ("up", Kernel::UP),
    ];
    for (name, kernel) in kernels {
        let conv = Conv::new(&(&root / name), 16, 24, kernel, Init::Default).unwrap();
        all.push(sample(name, |x| conv.forward(x, EVAL), |graph, x| conv.export(graph, name, x)));
    }
    let norm = Norm::new(&(&root / "norm"), 16, Normalisation::Group, Init::Reference).unwrap();
    all.push(sample("norm", |x| norm.forward(x.copy(), EVAL), |graph, x| norm.export(graph, "norm", x)));
    for (name, normalisation) in [("groups", Normalisation::Group), ("batch", Normalisation::Batch)] {
        let widths = Widths { input: 16, output: 24, time: Some(32) };
        let block = ResBlock::new(&(&root / name), widths, normalisation, Init::Default).unwrap();
        let block = block.folded(Some(&Tensor::randn([1, 32], (Kind::Float, Device::Cpu))), Kind::Float).unwrap();
        all.push(sample(name, |x| block.forward(x, None, EVAL), |graph, x| block.export(graph, name, x)));
    }
    let linear = Attention::linear(&(&root / "linear"), 16, Init::Default).unwrap();
    let full = Attention::full(&(&root / "full"), 16, Init::Default).unwrap();
    for (name, attention) in [("linear", linear), ("full", full)] {
        all.push(sample(name, |x| attention.forward(x.copy(), EVAL), |graph, x| attention.export(graph, name, x)));
    }
    let published = NetworkSpec { dim: 16, ..NetworkSpec::default() };
    let ours = NetworkSpec {
        dim: 24,
        multipliers: vec![1, 2, 4],
        normalisation: Normalisation::Batch,
        attention: false,
        full_resolution_skip: true,
        ..NetworkSpec::default()
    };
    for (name, spec) in [("published network", published), ("network without attention", ours)] {
        let vs = nn::VarStore::new(Device::Cpu);
        let network = UNet::new(&vs.root(), &spec, 3, Init::Default).unwrap();
        let folded = network.folded(Kind::Float, Device::Cpu).unwrap();
        let x = |x: &Tensor| x.narrow(1, 0, 3);
        let input = x(&pixels());
        let want = folded.logits(&input, None, EVAL).unwrap();
        all.push(written(name, &input, &want, |graph, x| folded.layers(graph, x)));
    }
    all
}

fn pixels() -> Tensor {
    Tensor::randn([2, 16, 24, 16], (Kind::Float, Device::Cpu))
}

fn sample(
    name: &str,
    forward: impl Fn(&Tensor) -> Result<Tensor>,
    export: impl Fn(&mut Graph, &str) -> Result<String>,
) -> Sample {
    let input = pixels();
    let want = forward(&input).unwrap();
    written(name, &input, &want, export)
}

fn written(name: &str, input: &Tensor, want: &Tensor, export: impl Fn(&mut Graph, &str) -> Result<String>) -> Sample {
    let mut graph = Graph::default();
    let size = |tensor: &Tensor| tensor.size().into_iter().map(Ok).collect::<Vec<_>>();
    graph.input("x", Element::F32, &size(input));
    let y = export(&mut graph, "x").unwrap();
    let _ = graph.node("Identity", "y", &[&y], &[]);
    graph.output("y", Element::F32, &size(want));
    let values = |tensor: &Tensor| Vec::<f32>::try_from(tensor.contiguous().view(-1)).unwrap();
    Sample {
        name: name.into(),
        onnx: graph.encode(name, "", &[]),
        shape: input.size(),
        input: values(input),
        want: values(want),
    }
}
