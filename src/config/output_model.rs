//! What the model package that a training makes says about itself, its classes above all.

use super::{ClassRole, Labels, ModelClass};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most classes of objects: masks of classes have 8 bits.
const MOST_CLASSES: usize = 254;

/// What the model package says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputModel {
    /// Unique short name, also the package folder's.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// One sentence for a list.
    pub title: String,
    /// SPDX expression for the weights.
    pub license: String,
    /// Name of the object class as it appears in QuPath; for masks of objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Red, green, blue of the object class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<[u8; 3]>,
    /// Number format of the stored weights.
    #[serde(default)]
    pub stored: Stored,
    /// One paragraph for the card: for which tissue the model holds and for which it does not.
    #[serde(default)]
    pub scope: String,
    /// The data and their licence, for the card.
    #[serde(default)]
    pub data_licence: String,
    /// For masks of classes (`data.labels = "classes"`), instead of `object` and `color`: the first one is level 1 of the
    /// masks, the second one level 2, and so on; level 0 is background.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class: Vec<OutputClass>,
}

/// One class of `[[model.class]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputClass {
    /// As it appears in QuPath.
    pub name: String,
    /// Red, green, blue.
    pub color: [u8; 3],
}

/// Number format of stored weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stored {
    /// 16 bit, 11 significant.
    #[default]
    F16,
    /// 16 bit, 8 significant, for weights beyond 65504.
    Bf16,
    /// 32 bit.
    F32,
}

/// Colour of the object class where none is given.
const YELLOW: [u8; 3] = [255, 209, 0];

impl OutputModel {
    /// The classes that the network has a plane for, in plane order, for masks of this kind.
    pub fn classes(&self, labels: Labels) -> Vec<ModelClass> {
        let class = |name: &str, role, color| ModelClass { name: name.into(), role, color };
        let mut classes = vec![class("Background", ClassRole::Background, [0, 0, 0])];
        if labels == Labels::Classes {
            classes.extend(self.class.iter().map(|own| class(&own.name, ClassRole::Object, own.color)));
            return classes;
        }
        let color = self.color.unwrap_or(YELLOW);
        classes.push(class(self.object.as_deref().unwrap_or_default(), ClassRole::Object, color));
        if labels == Labels::Instances {
            classes.push(class("Boundary", ClassRole::Boundary, color.map(|v| v / 2)));
        }
        classes
    }

    pub(super) fn validate(&self, labels: Labels) -> Result<()> {
        if self.name.is_empty() || self.name.contains(['/', '\\']) {
            return Err(Error::config("model.name", &self.name, "must be a folder name"));
        }
        if labels == Labels::Classes {
            return self.validate_classes();
        }
        if let Some(class) = self.class.first() {
            let reason = "would do nothing: the masks tell objects, not classes; give `model.object` instead, or set \
                          `data.labels` to classes";
            return Err(Error::config("model.class", &class.name, reason));
        }
        match self.object.as_deref() {
            None | Some("") => Err(Error::config("model.object", "missing", "name what the masks show, such as Gland")),
            Some(_) => Ok(()),
        }
    }

    fn validate_classes(&self) -> Result<()> {
        let given = [("model.object", self.object.clone()), ("model.color", self.color.map(|c| format!("{c:?}")))];
        if let Some((field, value)) = given.into_iter().find_map(|(field, value)| value.map(|value| (field, value))) {
            let reason = "would do nothing: with `data.labels` classes each [[model.class]] has its name and colour";
            return Err(Error::config(field, value, reason));
        }
        if self.class.is_empty() || self.class.len() > MOST_CLASSES {
            let reason = format!(
                "give a [[model.class]] with name and color for each level of the masks from 1, {MOST_CLASSES} at most"
            );
            return Err(Error::config("model.class", self.class.len(), reason));
        }
        let mut seen = BTreeSet::from(["Background"]);
        for class in &self.class {
            if class.name.trim().is_empty() || !seen.insert(&class.name) {
                let reason = "every class needs a name of its own, and `Background` is taken";
                return Err(Error::config("model.class", &class.name, reason));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(more: &str) -> OutputModel {
        let text = format!("name = \"m\"\nversion = \"0.1.0\"\ntitle = \"t\"\nlicense = \"CC0-1.0\"\n{more}");
        toml::from_str(&text).unwrap()
    }

    const TWO: &str =
        "class = [{ name = \"Tumour\", color = [200, 0, 0] }, { name = \"Stroma\", color = [0, 0, 200] }]";

    #[test]
    fn each_kind_of_masks_has_its_planes() {
        let roles = |model: &OutputModel, labels| model.classes(labels).iter().map(|c| c.role).collect::<Vec<_>>();
        let glands = model("object = \"Gland\"\ncolor = [10, 20, 30]");
        assert_eq!(roles(&glands, Labels::Binary), [ClassRole::Background, ClassRole::Object]);
        let three = [ClassRole::Background, ClassRole::Object, ClassRole::Boundary];
        assert_eq!(roles(&glands, Labels::Instances), three);
        assert_eq!(glands.classes(Labels::Instances)[2].color, [5, 10, 15]);
        let classes = model(TWO).classes(Labels::Classes);
        assert_eq!(classes.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["Background", "Tumour", "Stroma"]);
        assert_eq!((classes[2].role, classes[2].color), (ClassRole::Object, [0, 0, 200]));
    }

    #[test]
    fn classes_are_named_where_masks_have_them_and_nowhere_else() {
        let refused = |more: &str, labels| model(more).validate(labels).unwrap_err().to_string();
        model(TWO).validate(Labels::Classes).unwrap();
        model("object = \"Gland\"").validate(Labels::Binary).unwrap();
        assert!(refused("", Labels::Binary).starts_with("`model.object` is missing"));
        assert!(refused(TWO, Labels::Instances).starts_with("`model.class` is Tumour: would do nothing"));
        assert!(refused(&format!("object = \"X\"\n{TWO}"), Labels::Classes).starts_with("`model.object` is X"));
        assert!(
            refused(&format!("color = [1, 2, 3]\n{TWO}"), Labels::Classes).starts_with("`model.color` is [1, 2, 3]")
        );
        assert!(refused("", Labels::Classes).starts_with("`model.class` is 0: give a [[model.class]]"));
        assert!(refused(&TWO.replace("Stroma", "Tumour"), Labels::Classes).contains("a name of its own"));
        assert!(refused(&TWO.replace("Stroma", "Background"), Labels::Classes).contains("is taken"));
    }
}
