//! Parameters to and from the safetensors format, under the names of the published state dictionary.

use crate::error::{Error, Result};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tch::{Kind, TchError, Tensor, nn};

/// Tensors by name, on the CPU.
pub type Tensors = BTreeMap<String, Tensor>;

/// Parameters and batch statistics of `vs` as a safetensors file, sorted by name, in `kind`: `Float`, `BFloat16` or
/// `Half`.
///
/// # Errors
/// [`Error::Compute`] for another kind or if a tensor cannot be copied to the CPU.
pub fn encode(vs: &nn::VarStore, kind: Kind) -> Result<Vec<u8>> {
    encode_tensors(&vs.variables().into_iter().collect(), kind)
}

/// These tensors as a safetensors file, sorted by name, in `kind`: `Float`, `BFloat16` or `Half`.
///
/// # Errors
/// As [`encode`].
pub fn encode_tensors(tensors: &Tensors, kind: Kind) -> Result<Vec<u8>> {
    encode_described(tensors, kind, None)
}

/// As [`encode_tensors`], with one text under a name of its own in the file's header.
///
/// # Errors
/// As [`encode`].
pub fn encode_described(tensors: &Tensors, kind: Kind, text: Option<(&str, String)>) -> Result<Vec<u8>> {
    const WHAT: &str = "writing the weights";
    let dtype = match kind {
        Kind::Float => Dtype::F32,
        Kind::BFloat16 => Dtype::BF16,
        Kind::Half => Dtype::F16,
        other => return Err(Error::compute(WHAT)(format!("{other:?} is not a kind for weights"))),
    };
    let bytes = |(name, tensor): (&String, &Tensor)| {
        let tensor = tensor.f_detach()?.f_to_device(tch::Device::Cpu)?.f_to_kind(kind)?.f_contiguous()?;
        let mut data = vec![0; tensor.numel() * kind.elt_size_in_bytes()];
        tensor.f_copy_data_u8(&mut data, tensor.numel())?;
        Ok((name.clone(), tensor.size().iter().map(|&n| n as usize).collect::<Vec<_>>(), data))
    };
    let copies: Vec<_> = tensors.iter().map(bytes).collect::<Result<_, TchError>>().map_err(Error::compute(WHAT))?;
    let views = copies.iter().map(|(name, shape, data)| Ok((name, TensorView::new(dtype, shape.clone(), data)?)));
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>().map_err(Error::compute(WHAT))?;
    let header = text.map(|(name, text)| HashMap::from([(name.to_owned(), text)]));
    serialize(views, header).map_err(Error::compute(WHAT))
}

/// The text under `name` in a safetensors file's header, if there is one.
///
/// # Errors
/// [`Error::BadFile`] that names `path` if the bytes are not a safetensors file.
pub fn description(bytes: &[u8], name: &str, path: &Path) -> Result<Option<String>> {
    let (_, header) = SafeTensors::read_metadata(bytes)
        .map_err(|e| Error::bad_file(path, format!("is not a safetensors file: {e}")))?;
    Ok(header.metadata().as_ref().and_then(|entries| entries.get(name)).cloned())
}

/// The tensors of a safetensors file in their own kinds.
///
/// # Errors
/// [`Error::Model`] that names `model` if the bytes are not a safetensors file or hold kinds that libtorch lacks.
pub fn decode(bytes: &[u8], model: &str) -> Result<Tensors> {
    let fail = |source: &dyn std::fmt::Display| Error::model(model, format!("its weights cannot be read: {source}"));
    let file = SafeTensors::deserialize(bytes).map_err(|e| fail(&e))?;
    let mut tensors = Tensors::new();
    for (name, view) in file.iter() {
        let kind = match view.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::F16 => Kind::Half,
            Dtype::I64 => Kind::Int64,
            other => return Err(fail(&format!("tensor `{name}` is of kind {other:?}; F32, BF16 and F16 are read"))),
        };
        let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
        let tensor = Tensor::f_from_data_size(view.data(), &shape, kind).map_err(|e| fail(&e))?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}

/// Copies `tensors` into the parameters of `vs`. Names and shapes must match one to one, apart from names that begin with
/// one of `fresh`, which are left out on both sides: a new head keeps its initial values. PyTorch's counters of batches
/// (`num_batches_tracked`) are ignored.
///
/// # Errors
/// [`Error::Model`] with every missing, superfluous and misshapen tensor; nothing was copied then.
pub fn assign(vs: &nn::VarStore, tensors: &Tensors, model: &str, fresh: &[&str]) -> Result<()> {
    let wanted = |name: &str| !fresh.iter().any(|prefix| name.starts_with(prefix));
    let variables = vs.variables().into_iter().filter(|(name, _)| wanted(name)).collect::<Tensors>();
    let missing: Vec<String> = variables.keys().filter(|name| !tensors.contains_key(*name)).cloned().collect();
    let known = |name: &str| variables.contains_key(name) || name.ends_with(".num_batches_tracked");
    let extra: Vec<String> = tensors.keys().filter(|name| wanted(name) && !known(name)).cloned().collect();
    let shapes = variables.iter().filter_map(|(name, variable)| {
        let (want, got) = (variable.size(), tensors.get(name)?.size());
        (want != got).then(|| format!("{name} {got:?} instead of {want:?}"))
    });
    let faults = [("missing", missing), ("not of this network", extra), ("of another shape", shapes.collect())];
    let faults: Vec<String> = faults.iter().filter_map(|(what, names)| listed(what, names)).collect();
    if !faults.is_empty() {
        let reason = format!("weights and `network` of model.toml do not fit together: {}", faults.join("; "));
        return Err(Error::model(model, reason));
    }
    let _guard = tch::no_grad_guard();
    for (name, mut variable) in variables {
        variable.f_copy_(&tensors[&name]).map_err(super::torch_error(format!("copying `{name}`")))?;
    }
    Ok(())
}

/// `3 missing (a, b, c)`, with at most eight names; nothing for none.
fn listed(what: &str, names: &[String]) -> Option<String> {
    let rest = names.len().saturating_sub(8);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    let shown = names.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| format!("{} {what} ({shown}{more})", names.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn store(names: &[(&str, i64)]) -> nn::VarStore {
        let vs = nn::VarStore::new(Device::Cpu);
        for (name, n) in names {
            let _ = vs.root().f_randn_standard(name, &[*n]).unwrap();
        }
        vs
    }

    #[test]
    fn float32_weights_survive_the_file_bit_by_bit() {
        let (from, to) = (store(&[("a", 3), ("b", 2)]), store(&[("a", 3), ("b", 2)]));
        assign(&to, &decode(&encode(&from, Kind::Float).unwrap(), "m").unwrap(), "m", &[]).unwrap();
        for (name, tensor) in from.variables() {
            assert!(tensor.equal(&to.variables()[&name]), "{name}");
        }
    }

    #[test]
    fn weights_of_another_network_are_refused_by_name_and_nothing_is_copied() {
        let to = store(&[("a", 3), ("b", 2), ("c", 1)]);
        let before = to.variables()["a"].copy();
        let from = store(&[("a", 3), ("b", 5), ("d", 1)]);
        let error = assign(&to, &from.variables().into_iter().collect(), "m", &[]).unwrap_err().to_string();
        for part in ["1 missing (c)", "1 not of this network (d)", "b [5] instead of [2]"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(before.equal(&to.variables()["a"]));
    }

    #[test]
    fn a_fresh_head_keeps_its_initial_values() {
        let (from, to) = (store(&[("a", 3), ("head", 7)]), store(&[("a", 3), ("head", 4)]));
        let head = to.variables()["head"].copy();
        assign(&to, &from.variables().into_iter().collect(), "m", &["head"]).unwrap();
        assert!(to.variables()["a"].equal(&from.variables()["a"]) && to.variables()["head"].equal(&head));
    }

    #[test]
    fn bytes_that_are_no_safetensors_file_are_refused() {
        assert!(decode(b"\x80\x02}q\x00.", "m").unwrap_err().to_string().contains("model `m`"));
    }
}
