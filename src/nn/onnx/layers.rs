//! Layers as ONNX operators. `x` is the name of a value, `name` the module's path in the network; the answer is the name
//! of the result.

use super::graph::{Attribute, Element, Graph};
use crate::nn::attention::{Attention, HEAD_WIDTH, HEADS, INNER};
use crate::nn::blocks::{Block, ResBlock, TimeTerm};
use crate::nn::layers::{Conv, Kernel, NORM_EPS, Norm, Result};
use tch::TchError;

impl Conv {
    /// `Conv` or `ConvTranspose`; their weights are laid out as libtorch's.
    pub(in crate::nn) fn export(&self, graph: &mut Graph, name: &str, x: &str) -> Result<String> {
        let weight = graph.constant(&format!("{name}.weight"), &self.weight)?;
        let bias = self.bias.as_ref().map(|bias| graph.constant(&format!("{name}.bias"), bias)).transpose()?;
        let inputs: Vec<&str> = [x, &weight].into_iter().chain(bias.as_deref()).collect();
        let (size, stride, padding) = ([self.kernel.size; 2], [self.kernel.stride; 2], [self.kernel.padding; 4]);
        let attributes = [
            Attribute::Ints("kernel_shape", &size),
            Attribute::Ints("strides", &stride),
            Attribute::Ints("pads", &padding),
        ];
        let operator = if self.kernel.transposed { "ConvTranspose" } else { "Conv" };
        Ok(graph.node(operator, name, &inputs, &attributes))
    }
}

impl Norm {
    /// Group normalisation as instance normalisation of each group's pixels in one row, which every runtime knows.
    pub(in crate::nn) fn export(&self, graph: &mut Graph, name: &str, x: &str) -> Result<String> {
        let (groups, weight, bias) = match self {
            Self::None => return Ok(x.to_owned()),
            Self::Group { groups, weight, bias } => (*groups, weight, bias),
            Self::Batch { .. } => {
                return Err(TchError::Shape(format!("`{name}` is a batch normalisation that was not folded")));
            }
        };
        let channels = weight.numel() as i64;
        let rows = graph.integers(&format!("{name}.rows"), &[0, groups, -1]);
        let ones = graph.constant(&format!("{name}.ones"), &weight.f_ones_like()?.f_narrow(0, 0, groups)?)?;
        let zeros = graph.constant(&format!("{name}.zeros"), &weight.f_zeros_like()?.f_narrow(0, 0, groups)?)?;
        let gain = graph.constant(&format!("{name}.weight"), &weight.f_view([channels, 1, 1])?)?;
        let shift = graph.constant(&format!("{name}.bias"), &bias.f_view([channels, 1, 1])?)?;
        let shape = graph.node("Shape", &format!("{name}.shape"), &[x], &[]);
        let row = graph.node("Reshape", &format!("{name}.grouped"), &[x, &rows], &[]);
        let epsilon = Attribute::Float("epsilon", NORM_EPS as f32);
        let even = graph.node("InstanceNormalization", &format!("{name}.even"), &[&row, &ones, &zeros], &[epsilon]);
        let even = graph.node("Reshape", &format!("{name}.pixels"), &[&even, &shape], &[]);
        let scaled = graph.node("Mul", &format!("{name}.scaled"), &[&even, &gain], &[]);
        Ok(graph.node("Add", name, &[&scaled, &shift], &[]))
    }
}

impl Block {
    fn export(&self, graph: &mut Graph, name: &str, x: &str) -> Result<String> {
        let x = self.proj.export(graph, &format!("{name}.proj"), x)?;
        let x = self.norm.export(graph, &format!("{name}.norm"), &x)?;
        let gate = graph.node("Sigmoid", &format!("{name}.gate"), &[&x], &[]);
        Ok(graph.node("Mul", name, &[&x, &gate], &[]))
    }
}

impl ResBlock {
    /// The block at one fixed step: [`ResBlock::folded`] comes before.
    pub(in crate::nn) fn export(&self, graph: &mut Graph, name: &str, x: &str) -> Result<String> {
        let mut h = self.block1.export(graph, &format!("{name}.block1"), x)?;
        match &self.time {
            TimeTerm::None => {}
            TimeTerm::Constant(term) => {
                let term = graph.constant(&format!("{name}.time"), term)?;
                h = graph.node("Add", &format!("{name}.timed"), &[&h, &term], &[]);
            }
            TimeTerm::Projected(_) => {
                return Err(TchError::Shape(format!("`{name}` has a time term that was not folded")));
            }
        }
        let h = self.block2.export(graph, &format!("{name}.block2"), &h)?;
        let skip = match &self.res_conv {
            Some(conv) => conv.export(graph, &format!("{name}.res_conv"), x)?,
            None => x.to_owned(),
        };
        Ok(graph.node("Add", name, &[&h, &skip], &[]))
    }
}

impl Attention {
    /// Queries, keys and values as `[N, heads, 32, pixels]`.
    pub(in crate::nn) fn export(&self, graph: &mut Graph, name: &str, x: &str) -> Result<String> {
        let part = |part: &str| format!("{name}.{part}");
        let normed = self.norm.export(graph, &part("norm"), x)?;
        // One convolution for each. OpenVINO splits what a single one gives with its channels last, value by value.
        let mut parts = [String::new(), String::new(), String::new()];
        for (number, (value, letter)) in (0..).zip(parts.iter_mut().zip(["q", "k", "v"])) {
            let weight = self.to_qkv.weight.f_narrow(0, number * INNER, INNER)?;
            *value = Conv { weight, bias: None, kernel: Kernel::POINT }.export(graph, &part(letter), &normed)?;
        }
        let shape = graph.node("Shape", &part("shape"), &[&parts[0]], &[]);
        let rows = graph.integers(&part("rows"), &[0, HEADS, HEAD_WIDTH, -1]);
        let rows = parts.clone().map(|value| graph.node("Reshape", &format!("{value}.rows"), &[&value, &rows], &[]));
        let turned = |graph: &mut Graph, value: &str| {
            graph.node("Transpose", &format!("{value}.turned"), &[value], &[Attribute::Ints("perm", &[0, 1, 3, 2])])
        };
        let softmax = |graph: &mut Graph, value: &str, axis: i64| {
            graph.node("Softmax", &format!("{value}.softmax"), &[value], &[Attribute::Int("axis", axis)])
        };
        let scale = graph.number(&part("scale"), (HEAD_WIDTH as f32).powf(-0.5));
        let [q, k, v] = &rows;
        let seen = if self.linear_norm.is_some() {
            let q = softmax(graph, q, 2);
            let k = softmax(graph, k, 3);
            let k = turned(graph, &k);
            let context = graph.node("MatMul", &part("context"), &[v, &k], &[]);
            let context = graph.node("Mul", &part("scaled"), &[&context, &scale], &[]);
            graph.node("MatMul", &part("seen"), &[&context, &q], &[])
        } else {
            let q = graph.node("Mul", &part("scaled"), &[q, &scale], &[]);
            let k = turned(graph, k);
            // Weights of the keys for each query: [N, heads, keys, queries].
            let weights = graph.node("MatMul", &part("products"), &[&k, &q], &[]);
            let weights = softmax(graph, &weights, 2);
            graph.node("MatMul", &part("seen"), &[v, &weights], &[])
        };
        let seen = graph.node("Reshape", &part("pixels"), &[&seen, &shape], &[]);
        let mut out = self.to_out.export(graph, &part("to_out"), &seen)?;
        if let Some(norm) = &self.linear_norm {
            out = norm.export(graph, &part("out_norm"), &out)?;
        }
        Ok(graph.node("Add", name, &[&out, x], &[]))
    }
}

/// From bytes `[N, H, W, 3]` to what the network sees, `[N, 3, H, W]` between the ends of `range`.
pub(super) fn from_bytes(graph: &mut Graph, pixels: &str, range: [f32; 2]) -> String {
    let [low, high] = range;
    let x = graph.node("Cast", "pixels.float", &[pixels], &[Attribute::Int("to", Element::F32 as i64)]);
    let planes = Attribute::Ints("perm", &[0, 3, 1, 2]);
    let x = graph.node("Transpose", "pixels.planes", &[&x], &[planes]);
    let gain = graph.number("pixels.gain", (high - low) / 255.0);
    let shift = graph.number("pixels.low", low);
    let x = graph.node("Mul", "pixels.scaled", &[&x, &gain], &[]);
    graph.node("Add", "pixels.ranged", &[&x, &shift], &[])
}

/// From logits to probabilities in units of 1/255, as bytes of the same shape.
pub(super) fn to_bytes(graph: &mut Graph, logits: &str, name: &str) -> String {
    let x = graph.node("Softmax", "probability", &[logits], &[Attribute::Int("axis", 1)]);
    let most = graph.number("probability.most", 255.0);
    let x = graph.node("Mul", "probability.scaled", &[&x, &most], &[]);
    let x = graph.node("Round", "probability.whole", &[&x], &[]);
    graph.node("Cast", name, &[&x], &[Attribute::Int("to", Element::U8 as i64)])
}
