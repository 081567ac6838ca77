//! Objects as packed arrays, little-endian: the form in which they cross to a host, and in a JVM to Java as they are.
//!
//! | part | type | count |
//! |---|---|---|
//! | objects `n`, rings `r`, points `p`, measurements of each object `m` | u32 | 4 |
//! | ids, first half first | u64 | 2 n |
//! | centroids x, y, level-0 pixels | f64 | 2 n |
//! | measurements, object by object | f64 | m n |
//! | points x, y, level-0 pixels | f64 | 2 p |
//! | classes | u32 | n |
//! | scores, 0 to 1 | f32 | n |
//! | first ring of each object, and `r` | u32 | n + 1 |
//! | first point of each ring, and `p` | u32 | r + 1 |
//!
//! An object's first ring is its outer one, the others are holes; rings do not repeat their first point.

/// Bytes before the arrays.
const HEAD: usize = 16;
/// With more the sizes of arrays could overflow.
const MOST_MEASUREMENTS: usize = 4096;

/// Where the arrays of a packed batch begin, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Objects.
    pub objects: usize,
    /// Rings of all objects.
    pub rings: usize,
    /// Points of all rings.
    pub points: usize,
    /// Measurements of each object.
    pub measurements: usize,
}

impl Layout {
    /// Offsets of ids, centroids, measurements, points, classes, scores, first rings, first points, and the end.
    pub fn offsets(&self) -> [usize; 9] {
        let Self { objects, rings, points, measurements } = *self;
        let bytes = [
            16 * objects,
            16 * objects,
            8 * objects * measurements,
            16 * points,
            4 * objects,
            4 * objects,
            4 * (objects + 1),
            4 * (rings + 1),
        ];
        let mut offsets = [HEAD; 9];
        for (i, size) in bytes.into_iter().enumerate() {
            offsets[i + 1] = offsets[i] + size;
        }
        offsets
    }
}

/// A packed batch that has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    bytes: Vec<u8>,
    layout: Layout,
}

impl Batch {
    /// Checks the sizes and offsets in `bytes`.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn new(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.len() < HEAD {
            return Err(format!("a batch of {} bytes", bytes.len()));
        }
        let [objects, rings, points, measurements] = [0, 4, 8, 12].map(|at| number(&bytes, at) as usize);
        let layout = Layout { objects, rings, points, measurements };
        if measurements > MOST_MEASUREMENTS {
            return Err(format!("a batch with {measurements} measurements of each object"));
        }
        let end = layout.offsets()[8];
        if end != bytes.len() {
            return Err(format!("a batch of {} bytes that should have {end}", bytes.len()));
        }
        let batch = Self { bytes, layout };
        let rising = |at: usize, count: usize, last: usize| {
            let value = |i: usize| number(&batch.bytes, at + 4 * i) as usize;
            value(0) == 0 && value(count) == last && (0..count).all(|i| value(i) <= value(i + 1))
        };
        let offsets = layout.offsets();
        if !rising(offsets[6], objects, rings) || !rising(offsets[7], rings, points) {
            return Err("a batch whose offsets do not rise".into());
        }
        Ok(batch)
    }

    /// The packed bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.layout.objects
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Id of an object.
    pub fn id(&self, object: usize) -> u128 {
        let half = |i: usize| u128::from(u64::from_le_bytes(self.eight(0, 2 * object + i)));
        half(0) << 64 | half(1)
    }

    /// Centre of gravity of an object, level-0 pixels.
    pub fn centroid(&self, object: usize) -> [f64; 2] {
        [0, 1].map(|i| f64::from_le_bytes(self.eight(1, 2 * object + i)))
    }

    /// Measurements of an object.
    pub fn measurements(&self, object: usize) -> Vec<f64> {
        let count = self.layout.measurements;
        (0..count).map(|i| f64::from_le_bytes(self.eight(2, count * object + i))).collect()
    }

    /// Class of an object: its index among the model's.
    pub fn class(&self, object: usize) -> usize {
        self.four(4, object) as usize
    }

    /// Mean probability of an object, 0 to 1.
    pub fn score(&self, object: usize) -> f32 {
        f32::from_bits(self.four(5, object))
    }

    /// Rings of an object, level-0 pixels, the outer one first.
    pub fn rings(&self, object: usize) -> Vec<Vec<[f64; 2]>> {
        let rings = self.four(6, object) as usize..self.four(6, object + 1) as usize;
        let points = |ring: usize| self.four(7, ring) as usize..self.four(7, ring + 1) as usize;
        let point = |p: usize| [0, 1].map(|i| f64::from_le_bytes(self.eight(3, 2 * p + i)));
        rings.map(|ring| points(ring).map(point).collect()).collect()
    }

    fn four(&self, array: usize, index: usize) -> u32 {
        number(&self.bytes, self.layout.offsets()[array] + 4 * index)
    }

    fn eight(&self, array: usize, index: usize) -> [u8; 8] {
        let at = self.layout.offsets()[array] + 8 * index;
        let mut value = [0; 8];
        value.copy_from_slice(&self.bytes[at..at + 8]);
        value
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_whose_numbers_do_not_fit_is_refused() {
        let empty: Vec<u8> = [0_u32; 6].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(Batch::new(empty.clone()).unwrap().len(), 0);
        for at in [0, 4, 8, 16, 20] {
            let mut odd = empty.clone();
            odd[at] = 1;
            assert!(Batch::new(odd).is_err(), "a number at {at}");
        }
        assert!(Batch::new(empty[..20].to_vec()).is_err() && Batch::new(Vec::new()).is_err());
    }
}
