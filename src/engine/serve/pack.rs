//! Objects into packed arrays; [`crate::engine::batch`] describes the bytes.

use crate::engine::batch::Layout;
use crate::tile::Object;

/// Packs objects that have the same measurements each.
pub(super) fn pack(objects: &[Object]) -> Vec<u8> {
    let rings = || objects.iter().flat_map(|object| object.outline.rings());
    let layout = Layout {
        objects: objects.len(),
        rings: rings().count(),
        points: rings().map(Vec::len).sum(),
        measurements: objects.first().map_or(0, |object| object.measurements.len()),
    };
    let mut bytes = Vec::with_capacity(layout.offsets()[8]);
    for count in [layout.objects, layout.rings, layout.points, layout.measurements] {
        bytes.extend((count as u32).to_le_bytes());
    }
    for object in objects {
        let (high, low) = object.id.as_u64_pair();
        bytes.extend([high, low].iter().flat_map(|half| half.to_le_bytes()));
    }
    bytes.extend(objects.iter().flat_map(|object| object.centroid).flat_map(f64::to_le_bytes));
    bytes.extend(objects.iter().flat_map(|object| &object.measurements).flat_map(|one| one.value.to_le_bytes()));
    bytes.extend(rings().flatten().flatten().flat_map(|value| value.to_le_bytes()));
    bytes.extend(objects.iter().flat_map(|object| (object.class as u32).to_le_bytes()));
    bytes.extend(objects.iter().flat_map(|object| object.score.to_le_bytes()));
    let mut sums = |counts: &mut dyn Iterator<Item = usize>| {
        let mut sum = 0_u32;
        bytes.extend(sum.to_le_bytes());
        for count in counts {
            sum += count as u32;
            bytes.extend(sum.to_le_bytes());
        }
    };
    sums(&mut objects.iter().map(|object| object.outline.rings().count()));
    sums(&mut rings().map(Vec::len));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::batch::Batch;
    use crate::tile::{Measurement, Outline};
    use uuid::Uuid;

    #[test]
    fn objects_come_back_from_their_packed_form() {
        let square = |x: f64, edge: f64| vec![[x, 0.5], [x + edge, 0.5], [x + edge, edge], [x, edge]];
        let object = |number: u128, holes: Vec<Vec<[f64; 2]>>| Object {
            id: Uuid::from_u128(number << 70 | 5),
            class: number as usize,
            score: 0.25 * number as f32,
            centroid: [number as f64, 1e6 + 0.125],
            outline: Outline { exterior: square(number as f64, 9.0), holes },
            measurements: vec![
                Measurement { name: "Area µm^2", value: 12.5 },
                Measurement { name: "Solidity", value: f64::NAN },
            ],
        };
        let objects = [object(1, vec![]), object(2, vec![square(4.0, 1.0), square(6.0, 2.0)]), object(3, vec![])];
        let batch = Batch::new(pack(&objects)).unwrap();
        assert_eq!(batch.len(), 3);
        for (i, object) in objects.iter().enumerate() {
            assert_eq!((batch.id(i), batch.class(i)), (object.id.as_u128(), object.class));
            assert_eq!((batch.score(i), batch.centroid(i)), (object.score, object.centroid));
            assert_eq!(batch.rings(i), object.outline.rings().cloned().collect::<Vec<_>>());
            assert_eq!(batch.measurements(i)[0], 12.5);
            assert!(batch.measurements(i)[1].is_nan());
        }
        assert!(Batch::new(pack(&[])).unwrap().is_empty());
    }
}
