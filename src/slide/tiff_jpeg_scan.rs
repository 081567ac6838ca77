//! Whether a JPEG's compressed data hold exactly its pixels.
//!
//! Decoders made for the web draw grey where a tile ends early and pass over what is left; a zeroed or damaged tile
//! then looks sound. Here the Huffman codes are walked without computing pixels: damage nearly always makes the walk
//! end too early or too late, or meet a code that does not exist. Baseline JPEG with all components in one scan is
//! walked, which is what scanners write; other kinds pass unchecked.

/// Bits that the quick table looks up at once.
const QUICK_BITS: usize = 9;

/// Checks a complete JPEG file.
///
/// # Errors
/// What does not fit.
pub(super) fn check(jpeg: &[u8]) -> Result<(), String> {
    let Some(frame) = Frame::parse(jpeg)? else { return Ok(()) };
    let mut rest = frame.data;
    let interval = if frame.restart == 0 { frame.units } else { frame.restart };
    let mut left = frame.units;
    loop {
        let (bytes, after) = segment(rest);
        let here = left.min(interval);
        let mut bits = Bits { bytes: &bytes, at: 0 };
        for _ in 0..here {
            for (dc, ac) in &frame.blocks {
                bits.block(dc, ac)?;
            }
            if bits.at > bytes.len() * 8 {
                return Err("its data end before its last row".to_owned());
            }
        }
        let spare = bytes.len() - bits.at.div_ceil(8);
        if spare > 0 {
            return Err(format!("{spare} bytes are left over after its last row"));
        }
        left -= here;
        match after {
            [0xFF, 0xD0..=0xD7, next @ ..] if left > 0 => rest = next,
            [0xFF, 0xD9, ..] if left == 0 => return Ok(()),
            [0xFF, marker, ..] => return Err(format!("mark {marker:#04x} stands where its data should go on")),
            _ => return Err("its data have no end mark".to_owned()),
        }
    }
}

/// The bytes up to the next mark without their stuffing, and what begins with the mark.
fn segment(data: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut bytes = Vec::with_capacity(data.len());
    let mut at = 0;
    while at < data.len() {
        match data[at..] {
            [0xFF, 0, ..] => {
                bytes.push(0xFF);
                at += 2;
            }
            // Any number of 0xFF may stand before a mark.
            [0xFF, 0xFF, ..] => at += 1,
            [0xFF, ..] => break,
            [byte, ..] => {
                bytes.push(byte);
                at += 1;
            }
            [] => break,
        }
    }
    (bytes, &data[at..])
}

struct Frame<'a> {
    /// Tables of direct and alternating coefficients, for each block of a coding unit.
    blocks: Vec<(Huffman, Huffman)>,
    units: usize,
    restart: usize,
    data: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads the header; `None` for a kind that is not walked.
    fn parse(jpeg: &'a [u8]) -> Result<Option<Self>, String> {
        let cut = || "its header is cut off".to_owned();
        let mut tables: [[Option<Huffman>; 4]; 2] = Default::default();
        let mut restart = 0;
        let mut frame = None;
        let mut rest = jpeg.get(2..).ok_or_else(cut)?;
        loop {
            let (marker, length) = match rest {
                [0xFF, 0xFF, ..] => {
                    rest = &rest[1..];
                    continue;
                }
                [0xFF, marker, high, low, ..] => (*marker, usize::from(u16::from_be_bytes([*high, *low]))),
                _ => return Err(cut()),
            };
            let body = rest.get(4..2 + length).ok_or_else(cut)?;
            rest = &rest[2 + length..];
            match marker {
                0xC4 => {
                    let mut body = body;
                    while let [class_id, after @ ..] = body {
                        let counts: &[u8; 16] = after.first_chunk().ok_or_else(cut)?;
                        let total = counts.iter().map(|n| usize::from(*n)).sum::<usize>();
                        let values = after.get(16..16 + total).ok_or_else(cut)?;
                        let (class, id) = (usize::from(class_id >> 4), usize::from(class_id & 15));
                        let slot = tables.get_mut(class).and_then(|class| class.get_mut(id));
                        *slot.ok_or("a Huffman table has no place")? = Some(Huffman::new(counts, values)?);
                        body = &after[16 + total..];
                    }
                }
                0xC0 | 0xC1 => {
                    let [_, h1, h0, w1, w0, _, parts @ ..] = body else { return Err(cut()) };
                    let size = |high: u8, low: u8| usize::from(u16::from_be_bytes([high, low]));
                    // Blocks of the component in a coding unit, across and down.
                    let part = |p: &[u8; 3]| (usize::from(p[1] >> 4), usize::from(p[1] & 15));
                    let parts: Vec<_> = parts.as_chunks().0.iter().map(part).collect();
                    frame = Some((size(*h1, *h0), size(*w1, *w0), parts));
                }
                0xC2..=0xCF => return Ok(None),
                0xDD => restart = body.first_chunk().map_or(0, |n| usize::from(u16::from_be_bytes(*n))),
                0xDA => {
                    let Some((height, width, parts)) = frame else { return Err(cut()) };
                    let [count, chosen @ ..] = body else { return Err(cut()) };
                    if usize::from(*count) != parts.len() || parts.is_empty() {
                        return Ok(None);
                    }
                    let single = parts.len() == 1;
                    let most = |of: fn(&(usize, usize)) -> usize| match single {
                        true => 1,
                        false => parts.iter().map(of).max().unwrap_or(1).max(1),
                    };
                    let units = width.div_ceil(8 * most(|p| p.0)) * height.div_ceil(8 * most(|p| p.1));
                    let mut blocks = Vec::new();
                    for (part, [_, choice]) in parts.iter().zip(chosen.as_chunks().0) {
                        let table = |class: usize, id: u8| {
                            tables[class].get(usize::from(id)).cloned().flatten().ok_or("a Huffman table is missing")
                        };
                        let pair = (table(0, choice >> 4)?, table(1, choice & 15)?);
                        let count = if single { 1 } else { part.0 * part.1 };
                        blocks.extend(vec![pair; count]);
                    }
                    return Ok(Some(Self { blocks, units, restart, data: rest }));
                }
                _ => {}
            }
        }
    }
}

/// Codes of a table: bits and value for each short prefix, and the ranges of the long ones.
#[derive(Clone)]
struct Huffman {
    quick: Vec<(u8, u8)>,
    /// For each code length: one past its last code (left-aligned to 16 bits), and the place of code 0 in `values`.
    long: [(u32, i32); 17],
    values: Vec<u8>,
}

impl Huffman {
    fn new(counts: &[u8; 16], values: &[u8]) -> Result<Self, String> {
        let mut table = Self { quick: vec![(0, 0); 1 << QUICK_BITS], long: [(0, 0); 17], values: values.to_vec() };
        let (mut code, mut place) = (0_u32, 0_usize);
        for length in 1..=16 {
            let count = usize::from(counts[length - 1]);
            table.long[length].1 = place as i32 - code as i32;
            for value in &values[place..place + count] {
                if code >= 1 << length {
                    return Err("a Huffman table has too many codes".to_owned());
                }
                if length <= QUICK_BITS {
                    let from = (code as usize) << (QUICK_BITS - length);
                    table.quick[from..from + (1 << (QUICK_BITS - length))].fill((length as u8, *value));
                }
                code += 1;
            }
            place += count;
            table.long[length].0 = code << (16 - length);
            code <<= 1;
        }
        Ok(table)
    }

    /// Length and value of the code at the head of 16 bits.
    fn look_up(&self, bits: u32) -> Option<(usize, u8)> {
        let (length, value) = self.quick[(bits >> (16 - QUICK_BITS)) as usize];
        if length > 0 {
            return Some((length.into(), value));
        }
        let length = (QUICK_BITS + 1..=16).find(|length| bits < self.long[*length].0)?;
        let place = (bits >> (16 - length)) as i32 + self.long[length].1;
        Some((length, *self.values.get(usize::try_from(place).ok()?)?))
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits taken.
    at: usize,
}

impl Bits<'_> {
    fn code(&mut self, table: &Huffman) -> Result<u8, String> {
        let from = self.at / 8;
        let byte = |n: usize| u32::from(self.bytes.get(from + n).copied().unwrap_or(0));
        let bits = ((byte(0) << 16 | byte(1) << 8 | byte(2)) >> (8 - self.at % 8)) & 0xFFFF;
        let (length, value) = table.look_up(bits).ok_or("its data hold a code that its tables do not")?;
        self.at += length;
        Ok(value)
    }

    /// Passes over the 64 coefficients of a block.
    fn block(&mut self, dc: &Huffman, ac: &Huffman) -> Result<(), String> {
        self.at += usize::from(self.code(dc)? & 15);
        let mut coefficient = 1;
        while coefficient < 64 {
            let code = self.code(ac)?;
            let (zeros, bits) = (usize::from(code >> 4), usize::from(code & 15));
            match (zeros, bits) {
                (15, 0) => coefficient += 16,
                (_, 0) => break,
                _ => coefficient += zeros + 1,
            }
            self.at += bits;
        }
        if coefficient > 64 { Err("a block has more than 64 coefficients".to_owned()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;
    use image::{GrayImage, RgbImage};

    fn jpeg() -> Vec<u8> {
        let image = RgbImage::from_fn(100, 75, |x, y| image::Rgb([((x * 3) ^ (y * 7)) as u8, (x * y) as u8, 90]));
        let mut bytes = Vec::new();
        image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 80)).unwrap();
        bytes
    }

    #[test]
    fn sound_files_pass() {
        check(&jpeg()).unwrap();
        let mut grey = Vec::new();
        let image = GrayImage::from_fn(33, 9, |x, y| image::Luma([(x * y) as u8]));
        image.write_with_encoder(JpegEncoder::new(&mut grey)).unwrap();
        check(&grey).unwrap();
    }

    #[test]
    fn an_early_end_and_zeroed_data_are_found() {
        let sound = jpeg();
        let mut early = sound[..sound.len() * 2 / 3].to_vec();
        early.extend([0xFF, 0xD9]);
        assert!(check(&early).is_err());
        let mut zeroed = sound.clone();
        let (from, to) = (sound.len() / 2, sound.len() - 2);
        zeroed[from..to].fill(0);
        assert!(check(&zeroed).is_err());
        let mut longer = sound[..sound.len() - 2].to_vec();
        longer.extend([1, 2, 3, 0xFF, 0xD9]);
        assert!(check(&longer).unwrap_err().contains("left over"));
    }
}
