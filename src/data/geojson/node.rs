//! GeoJSON's syntax, tolerant of members that are not needed.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// A whole file.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Document(Top);

enum Top {
    One(Box<Node>),
    Array(Features),
}

impl Document {
    /// The features, or bare geometries, in the file's order.
    pub fn into_features(self) -> Vec<Node> {
        match self.0 {
            Top::Array(features) => features.0,
            Top::One(node) if node.kind == "FeatureCollection" => node.features.0,
            Top::One(node) => vec![*node],
        }
    }
}

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopVisitor;
        impl<'de> Visitor<'de> for TopVisitor {
            type Value = Top;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a FeatureCollection, a Feature, a geometry or an array of features")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Top, A::Error> {
                Node::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(|node| Top::One(Box::new(node)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Top, A::Error> {
                Features::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(Top::Array)
            }
        }
        deserializer.deserialize_any(TopVisitor)
    }
}

/// Any object of GeoJSON; which members count depends on `type`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    #[serde(rename = "type")]
    pub kind: String,
    pub features: Features,
    pub geometry: Option<Box<Node>>,
    pub geometries: Vec<Node>,
    pub coordinates: Option<Coordinates>,
    pub properties: Option<Properties>,
}

/// The members of `properties` that QuPath gives a meaning. Other programs may put anything there.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Properties {
    #[serde(alias = "object_type", rename = "objectType")]
    pub object_type: Value,
    pub name: Value,
    pub classification: Value,
}

impl Properties {
    /// `{"name": "A"}`, `{"names": ["A", "B"]}` or `"A"`.
    pub fn class(&self) -> Option<String> {
        let class = &self.classification;
        match class.get("names").and_then(Value::as_array) {
            Some(names) => Some(names.iter().filter_map(text).collect::<Vec<_>>().join(": ")),
            None => text(class.get("name").unwrap_or(class)),
        }
    }
}

/// A text or number as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A list of features whose errors say which one is at fault.
#[derive(Default)]
pub(super) struct Features(pub Vec<Node>);

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FeaturesVisitor;
        impl<'de> Visitor<'de> for FeaturesVisitor {
            type Value = Features;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of features")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Features, A::Error> {
                let mut features = Vec::new();
                loop {
                    match seq.next_element() {
                        Ok(Some(feature)) => features.push(feature),
                        Ok(None) => return Ok(Features(features)),
                        Err(error) => {
                            return Err(A::Error::custom(format!("feature {}: {error}", features.len())));
                        }
                    }
                }
            }
        }
        deserializer.deserialize_seq(FeaturesVisitor)
    }
}

/// Nested lists of positions; a position keeps x and y only.
pub(super) enum Coordinates {
    /// A number, or `null`, outside a position: never right.
    Stray,
    Position([f64; 2]),
    List(Vec<Coordinates>),
}

impl<'de> Deserialize<'de> for Coordinates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CoordinatesVisitor)
    }
}

struct CoordinatesVisitor;

impl<'de> Visitor<'de> for CoordinatesVisitor {
    type Value = Coordinates;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("coordinates")
    }

    fn visit_unit<E: Error>(self) -> Result<Coordinates, E> {
        Ok(Coordinates::Stray)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Coordinates, A::Error> {
        let mut list = Vec::new();
        let mut position = Vec::new();
        while let Some(item) = seq.next_element()? {
            match item {
                Item::Number(value) => {
                    position.push(value);
                    if position.len() == 2 {
                        // Height and time may follow.
                        while seq.next_element::<IgnoredAny>()?.is_some() {}
                    }
                }
                Item::Nested(nested) => list.push(nested),
            }
        }
        Ok(match position[..] {
            [] => Coordinates::List(list),
            [x, y] if list.is_empty() => Coordinates::Position([x, y]),
            _ => Coordinates::Stray,
        })
    }
}

/// What a list may hold.
enum Item {
    /// `null` is not a number.
    Number(f64),
    Nested(Coordinates),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemVisitor;
        impl<'de> Visitor<'de> for ItemVisitor {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a list of coordinates")
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Item, E> {
                Ok(Item::Number(value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Item, E> {
                Ok(Item::Number(value as f64))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Item, E> {
                Ok(Item::Number(value as f64))
            }

            fn visit_unit<E: Error>(self) -> Result<Item, E> {
                Ok(Item::Number(f64::NAN))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Item, A::Error> {
                CoordinatesVisitor.visit_seq(seq).map(Item::Nested)
            }
        }
        deserializer.deserialize_any(ItemVisitor)
    }
}
