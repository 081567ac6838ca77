//! A graph of ONNX operators under construction.

use super::messages::{
    AttributeProto, Dimension, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use prost::Message;
use tch::{Kind, TchError, Tensor};

/// The set of operators that graphs are written in: that of 2022, which every runtime of today reads.
const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;

/// ONNX's numbers for the types of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::nn) enum Element {
    F32 = 1,
    U8 = 2,
    I64 = 7,
}

/// What an operator is told beside its inputs.
#[derive(Debug, Clone)]
pub(in crate::nn) enum Attribute<'a> {
    Float(&'a str, f32),
    Int(&'a str, i64),
    Ints(&'a str, &'a [i64]),
}

/// Nodes, constants, inputs and outputs. A value is known by its name.
#[derive(Debug, Default)]
pub(in crate::nn) struct Graph {
    graph: GraphProto,
}

impl Graph {
    /// Adds an operator called `name`; its only output has the same name.
    pub fn node(&mut self, operator: &str, name: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        self.nodes(operator, name, inputs, attributes, &[name]);
        name.to_owned()
    }

    /// Adds an operator with any number of outputs.
    pub fn nodes(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        attributes: &[Attribute<'_>],
        outputs: &[&str],
    ) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.graph.node.push(NodeProto {
            input: owned(inputs),
            output: owned(outputs),
            name: name.to_owned(),
            op_type: operator.to_owned(),
            attribute: attributes.iter().map(attribute).collect(),
        });
    }

    /// A constant with the values of `tensor` in float32.
    ///
    /// # Errors
    /// libtorch's, without memory for a copy.
    pub fn constant(&mut self, name: &str, tensor: &Tensor) -> Result<String, TchError> {
        let flat = tensor.f_detach()?.f_to_kind(Kind::Float)?.f_contiguous()?;
        let mut values = vec![0_f32; flat.numel()];
        flat.f_copy_data(&mut values, flat.numel())?;
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Ok(self.initializer(name, Element::F32, tensor.size(), bytes))
    }

    /// A constant number.
    pub fn number(&mut self, name: &str, value: f32) -> String {
        self.initializer(name, Element::F32, Vec::new(), value.to_le_bytes().to_vec())
    }

    /// A constant list of whole numbers: a shape, or axes.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, Element::I64, vec![values.len() as i64], bytes)
    }

    fn initializer(&mut self, name: &str, element: Element, dims: Vec<i64>, raw_data: Vec<u8>) -> String {
        let tensor = TensorProto { dims, data_type: element as i32, name: name.to_owned(), raw_data };
        self.graph.initializer.push(tensor);
        name.to_owned()
    }

    /// Declares an input; a dimension is a size or a name.
    pub fn input(&mut self, name: &str, element: Element, shape: &[Result<i64, &str>]) {
        self.graph.input.push(value_info(name, element, shape));
    }

    /// Declares a value as an output.
    pub fn output(&mut self, name: &str, element: Element, shape: &[Result<i64, &str>]) {
        self.graph.output.push(value_info(name, element, shape));
    }

    /// The file, with `properties` as its metadata.
    pub fn encode(mut self, name: &str, doc_string: &str, properties: &[(&str, String)]) -> Vec<u8> {
        self.graph.name = name.to_owned();
        let entry =
            |(key, value): &(&str, String)| StringStringEntryProto { key: (*key).to_owned(), value: value.clone() };
        ModelProto {
            ir_version: IR_VERSION,
            producer_name: "slidestream".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            doc_string: doc_string.to_owned(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            metadata_props: properties.iter().map(entry).collect(),
        }
        .encode_to_vec()
    }
}

fn attribute(attribute: &Attribute<'_>) -> AttributeProto {
    let mut proto = AttributeProto::default();
    match *attribute {
        Attribute::Float(name, value) => (proto.name, proto.f, proto.r#type) = (name.into(), value, 1),
        Attribute::Int(name, value) => (proto.name, proto.i, proto.r#type) = (name.into(), value, 2),
        Attribute::Ints(name, values) => (proto.name, proto.ints, proto.r#type) = (name.into(), values.to_vec(), 7),
    }
    proto
}

fn value_info(name: &str, element: Element, shape: &[Result<i64, &str>]) -> ValueInfoProto {
    let dimension = |size: &Result<i64, &str>| Dimension {
        value: Some(match *size {
            Ok(size) => DimensionValue::Size(size),
            Err(name) => DimensionValue::Name(name.to_owned()),
        }),
    };
    let shape = TensorShapeProto { dim: shape.iter().map(dimension).collect() };
    let tensor_type = TensorTypeProto { elem_type: element as i32, shape: Some(shape) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}
