//! What an OME-TIFF says in its XML: pixel size and channels of its first image.
//!
//! Only attributes of the first `Pixels` element are read. Entities of a document type are never expanded and nothing
//! outside the file is ever opened, so that a hostile document costs one pass over its own bytes.

use super::Mpp;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::collections::BTreeMap;

/// Attributes of the first `Pixels` element, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pixels(pub BTreeMap<String, String>);

/// Is this image description an OME-XML document?
pub(super) fn is_ome(description: &str) -> bool {
    description.trim_start().starts_with('<') && description.contains("<OME")
}

/// Reads the first `Pixels` element; one without attributes if there is none or the XML is damaged before it.
pub(super) fn pixels(xml: &str) -> Pixels {
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) if element.local_name().into_inner() == "Pixels" => {
                return attributes(&element);
            }
            Ok(Event::Eof) | Err(_) => return Pixels::default(),
            Ok(_) => {}
        }
    }
}

fn attributes(element: &BytesStart) -> Pixels {
    let pairs = element.attributes().flatten().filter_map(|attribute| {
        let name = attribute.key.local_name().into_inner().to_owned();
        Some((name, attribute.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned()))
    });
    Pixels(pairs.collect())
}

impl Pixels {
    /// The number of channels, if it is told.
    pub fn channels(&self) -> Option<u64> {
        self.0.get("SizeC")?.trim().parse().ok()
    }

    /// Micrometres per pixel from `PhysicalSizeX` and `PhysicalSizeY` with their units.
    pub fn mpp(&self) -> Mpp {
        let (x, y) = ("PhysicalSizeX", "PhysicalSizeY");
        match (self.micrometres(x), self.micrometres(y)) {
            (Ok(across), Ok(down)) => Mpp::checked(x, across, down),
            (Err(unusable), _) | (_, Err(unusable)) => unusable,
        }
    }

    fn micrometres(&self, name: &str) -> Result<f64, Mpp> {
        let Some(text) = self.0.get(name) else { return Err(Mpp::missing(name)) };
        let unit = self.0.get(&format!("{name}Unit")).map_or("µm", |unit| unit.trim());
        let in_micrometres = match unit {
            // The micro sign, the Greek letter, and plain ASCII.
            "\u{b5}m" | "\u{3bc}m" | "um" => Some(1.0),
            "nm" => Some(1e-3),
            "mm" => Some(1e3),
            "cm" => Some(1e4),
            "m" => Some(1e6),
            "\u{c5}" | "\u{212b}" => Some(1e-4),
            "in" => Some(25_400.0),
            _ => None,
        };
        let unusable = || Mpp::Unusable { property: name.to_owned(), value: format!("`{text}` in unit `{unit}`") };
        let value: f64 = text.trim().parse().map_err(|_| unusable())?;
        in_micrometres.map(|factor| value * factor).filter(|value| value.is_finite()).ok_or_else(unusable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mpp(attributes: &str) -> Mpp {
        pixels(&format!("<?xml version=\"1.0\"?><OME><Image><Pixels {attributes}/></Image></OME>")).mpp()
    }

    #[test]
    fn units_are_converted() {
        assert_eq!(mpp("PhysicalSizeX='0.5' PhysicalSizeY='0.5'"), Mpp::Known(0.5, 0.5));
        let nm = "PhysicalSizeX='250' PhysicalSizeXUnit='nm' PhysicalSizeY='0.00025' PhysicalSizeYUnit='mm'";
        assert_eq!(mpp(nm), Mpp::Known(0.25, 0.25));
        let pixel = "PhysicalSizeX='1' PhysicalSizeXUnit='pixel' PhysicalSizeY='1' PhysicalSizeYUnit='pixel'";
        let want = Mpp::Unusable { property: "PhysicalSizeX".into(), value: "`1` in unit `pixel`".into() };
        assert_eq!(mpp(pixel), want);
        assert_eq!(mpp(""), Mpp::missing("PhysicalSizeX"));
    }

    #[test]
    fn entities_are_not_expanded() {
        let bomb = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"0.5\"><!ENTITY f SYSTEM \"file:///etc/hostname\">]>\
                    <OME>&a;&f;<Pixels PhysicalSizeX=\"&a;\" PhysicalSizeY=\"0.5\"/></OME>";
        assert!(is_ome(bomb));
        assert!(matches!(pixels(bomb).mpp(), Mpp::Unusable { property, .. } if property == "PhysicalSizeX"));
    }
}
