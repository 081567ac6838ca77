//! Where in the network a parameter lies, told from its name.

use crate::error::{Error, Result};

/// Names of the head's parameters begin so: what a segmentation network replaces.
pub const HEAD: &str = "net.final_conv.";

/// The part of the network that a parameter belongs to, for accounts: `downs.0`, `mid_attn`, `final_conv`.
pub fn module(name: &str) -> &str {
    let inside = name.strip_prefix("net.").unwrap_or(name);
    let level = |prefix| inside.strip_prefix(prefix).and_then(|rest: &str| rest.find('.'));
    match (level("downs."), level("ups.")) {
        (Some(end), _) => &inside[..end + "downs.".len()],
        (_, Some(end)) => &inside[..end + "ups.".len()],
        _ => inside.split('.').next().unwrap_or(inside),
    }
}

/// Does it belong to the encoder: stem, time embedding, levels down and the middle?
pub fn is_encoder(name: &str) -> bool {
    let module = module(name);
    module == "init_conv" || module == "time_mlp" || module.starts_with("downs.") || module.starts_with("mid_")
}

/// Levels between a parameter of a network of `levels` levels and the head: 0 the head, then the decoder from the finest
/// level down, the middle, the encoder up again, and last stem and time embedding.
///
/// # Errors
/// [`Error::Internal`] for a name that is not of the network.
pub fn depth(name: &str, levels: usize) -> Result<usize> {
    let module = module(name);
    let level = |prefix: &str| module.strip_prefix(prefix).and_then(|digits| digits.parse::<usize>().ok());
    let depth = match (level("downs."), level("ups.")) {
        // The first stage of the decoder is the deepest.
        (_, Some(stage)) => levels.checked_sub(1 + stage),
        (Some(level), _) => (2 * levels).checked_sub(level),
        _ if module == "final_conv" => Some(0),
        _ if module.starts_with("mid_") => Some(levels),
        _ if module == "init_conv" || module == "time_mlp" => Some(2 * levels + 1),
        _ => None,
    };
    depth.ok_or_else(|| Error::Internal(format!("`{name}` has no place in a network of {levels} levels")))
}

/// Is the parameter in the part called `part`: `encoder`, or the beginning of its name up to a dot?
pub fn is_in(name: &str, part: &str) -> bool {
    if part == "encoder" {
        return is_encoder(name);
    }
    let (inside, part) = (name.strip_prefix("net.").unwrap_or(name), part.strip_prefix("net.").unwrap_or(part));
    inside.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NetworkSpec;
    use crate::nn::{Init, UNet};
    use std::collections::BTreeSet;

    #[test]
    fn every_parameter_of_the_published_network_has_its_place() {
        let vs = tch::nn::VarStore::new(tch::Device::Cpu);
        let spec = NetworkSpec { dim: 8, ..NetworkSpec::default() };
        UNet::new(&vs.root(), &spec, 2, Init::Default).unwrap();
        let names = vs.variables();
        let of = |want: usize| -> BTreeSet<String> {
            names.keys().filter(|n| depth(n, 4).unwrap() == want).map(|n| module(n).to_owned()).collect()
        };
        let sets = |modules: &[&str]| modules.iter().map(|m| (*m).to_owned()).collect::<BTreeSet<String>>();
        let want: [&[&str]; 10] = [
            &["final_conv"],
            &["ups.2"],
            &["ups.1"],
            &["ups.0"],
            &["mid_attn", "mid_block1", "mid_block2"],
            &["downs.3"],
            &["downs.2"],
            &["downs.1"],
            &["downs.0"],
            &["init_conv", "time_mlp"],
        ];
        for (at, modules) in want.iter().enumerate() {
            assert_eq!(of(at), sets(modules), "depth {at}");
        }
        assert!(names.keys().all(|n| is_encoder(n) == (depth(n, 4).unwrap() >= 4)));
    }

    #[test]
    fn a_part_ends_at_a_dot() {
        assert!(is_in("net.downs.1.0.block1.proj.weight", "downs.1") && is_in("net.downs.1.0.x", "net.downs.1.0"));
        assert!(!is_in("net.downs.10.0.x", "downs.1") && !is_in("net.mid_block2.x", "mid_block"));
        assert!(is_in("net.init_conv.weight", "encoder") && !is_in("net.ups.0.0.x", "encoder"));
        assert!(depth("net.else.weight", 3).is_err() && depth("net.downs.9.x", 4).is_err());
    }
}
