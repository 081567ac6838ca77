//! What a foreign ONNX file says about itself, before an engine opens it.

use super::messages::{DimensionValue, StringStringEntryProto, ValueInfoProto};
use prost::Message;
use std::collections::BTreeSet;

/// ONNX's number for float32.
const FLOAT: i32 = 1;

/// The output of a graph and the files that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Name of the output.
    pub output: String,
    /// Planes of the output, if the file says.
    pub classes: Option<i64>,
    /// Files beside it that hold tensors.
    pub external: BTreeSet<String>,
}

/// Reads the description of a graph from images to class planes.
///
/// # Errors
/// One line: not ONNX, not one float32 input `[N, 3, H, W]`, not one output `[N, classes, H, W]`.
pub fn inspect(file: &[u8]) -> Result<Inspected, String> {
    let model = ModelView::decode(file).map_err(|e| format!("is not an ONNX file: {e}"))?;
    let graph = model.graph.ok_or("is not an ONNX file: it has no graph")?;
    let constants: BTreeSet<&str> = graph.initializer.iter().map(|tensor| &*tensor.name).collect();
    // Files of before 2019 list constants among the inputs.
    let inputs: Vec<_> = graph.input.iter().filter(|input| !constants.contains(&*input.name)).collect();
    let ([input], [output]) = (&*inputs, &*graph.output) else {
        return Err(format!("has {} inputs and {} outputs instead of one each", inputs.len(), graph.output.len()));
    };
    let [_, channels, _, _] = sizes(input)?;
    let [_, classes, _, _] = sizes(output)?;
    if let Some(channels) = channels.filter(|&channels| channels != 3) {
        return Err(format!("takes {channels} channels in `{}` instead of 3", input.name));
    }
    let mut external = BTreeSet::new();
    graph.files(&mut external);
    Ok(Inspected { output: output.name.clone(), classes, external })
}

/// The four sizes of a float32 tensor, as far as they are fixed.
fn sizes(value: &ValueInfoProto) -> Result<[Option<i64>; 4], String> {
    let tensor = value.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| format!("does not say the type of `{}`", value.name))?;
    if tensor.elem_type != FLOAT {
        return Err(format!("has values of ONNX type {} in `{}` instead of float32", tensor.elem_type, value.name));
    }
    let size = |value: &Option<DimensionValue>| match value {
        Some(DimensionValue::Size(size)) => Some(*size),
        _ => None,
    };
    let sizes: Vec<_> = tensor.shape.iter().flat_map(|shape| &shape.dim).map(|dim| size(&dim.value)).collect();
    let count = sizes.len();
    sizes.try_into().map_err(|_| format!("has {count} dimensions in `{}` instead of 4", value.name))
}

#[derive(Clone, PartialEq, Message)]
struct ModelView {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphView>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphView {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeView>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorView>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeView {
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeView>,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeView {
    #[prost(message, optional, tag = "5")]
    t: Option<TensorView>,
    #[prost(message, optional, boxed, tag = "6")]
    g: Option<Box<GraphView>>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<TensorView>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<GraphView>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorView {
    #[prost(string, tag = "8")]
    name: String,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<StringStringEntryProto>,
}

impl GraphView {
    fn files(&self, found: &mut BTreeSet<String>) {
        let attributes = || self.node.iter().flat_map(|node| &node.attribute);
        let of_nodes = attributes().flat_map(|attribute| attribute.t.iter().chain(&attribute.tensors));
        for tensor in self.initializer.iter().chain(of_nodes) {
            let locations = tensor.external_data.iter().filter(|entry| entry.key == "location");
            found.extend(locations.map(|entry| entry.value.clone()));
        }
        for attribute in attributes() {
            attribute.g.iter().map(|graph| &**graph).chain(&attribute.graphs).for_each(|graph| graph.files(found));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::onnx::samples::samples;

    #[test]
    fn a_network_of_ours_is_described_as_any_other() {
        let sample = samples().into_iter().find(|sample| sample.name.contains("published")).expect("a whole network");
        let found = inspect(&sample.onnx).unwrap();
        assert_eq!(found.output, "y");
        assert!(found.external.is_empty() && found.classes.is_none_or(|classes| classes > 1), "{found:?}");
    }

    #[test]
    fn tensors_in_other_files_are_found_wherever_they_are() {
        let entry = |value: &str| StringStringEntryProto { key: "location".into(), value: value.into() };
        let tensor = |value: &str| TensorView { name: value.into(), external_data: vec![entry(value)] };
        let branch = GraphView { initializer: vec![tensor("c")], ..GraphView::default() };
        let attribute = AttributeView { t: Some(tensor("b")), g: Some(Box::new(branch)), ..AttributeView::default() };
        let node = NodeView { attribute: vec![attribute] };
        let graph = GraphView { node: vec![node], initializer: vec![tensor("a")], ..GraphView::default() };
        let mut found = BTreeSet::new();
        graph.files(&mut found);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn what_is_no_segmentation_graph_is_refused_with_the_reason() {
        assert!(inspect(b"PK\x03\x04").unwrap_err().contains("is not an ONNX file"));
        assert!(inspect(b"").unwrap_err().contains("no graph"));
        let empty = ModelView { graph: Some(GraphView::default()) }.encode_to_vec();
        assert!(inspect(&empty).unwrap_err().contains("0 inputs and 0 outputs"));
    }
}
