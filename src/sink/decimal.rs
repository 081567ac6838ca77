//! Numbers as text, far faster than `format!` where they are of ordinary size.

use std::fmt::Write as _;
use std::iter::repeat_n;

/// A finite number with at most `places` decimals and no trailing zeros.
pub(super) fn push_decimal(text: &mut String, value: f64, places: usize) {
    // Most coordinates are whole.
    let whole = value as i64;
    if whole as f64 == value && whole.unsigned_abs() < 1 << 53 {
        text.push_str(itoa::Buffer::new().format(whole));
        return;
    }
    let start = text.len();
    push_fixed(text, value, places);
    if text[start..].contains('.') {
        let kept = text.trim_end_matches('0').trim_end_matches('.').len();
        text.truncate(kept);
    }
}

/// A finite number with `places` decimals.
pub(super) fn push_fixed(text: &mut String, value: f64, places: usize) {
    let scaled = (value * 10f64.powi(places as i32)).round();
    // Beyond 2^53 not every whole number can be told apart.
    if scaled.abs() >= 9e15 || places > 9 {
        return write!(text, "{value:.places$}").expect("writing to a string");
    }
    if scaled < 0.0 {
        text.push('-');
    }
    let (unit, number) = (10u64.pow(places as u32), scaled.abs() as u64);
    let mut digits = itoa::Buffer::new();
    text.push_str(digits.format(number / unit));
    if places > 0 {
        let shown = digits.format(number % unit);
        text.push('.');
        text.extend(repeat_n('0', places - shown.len()));
        text.push_str(shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(push: fn(&mut String, f64, usize), value: f64, places: usize) -> String {
        let mut text = String::new();
        push(&mut text, value, places);
        text
    }

    #[test]
    fn decimals_are_short_and_read_back_to_half_a_unit() {
        let decimal = |value, places| written(push_decimal, value, places);
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (-0.0002, "0"),
            (12.5, "12.5"),
            (-7.0, "-7"),
            (-7.1416, "-7.142"),
            (1e300, "1e300"),
            (2e17, "200000000000000000"),
        ];
        for (value, expected) in cases {
            assert_eq!(decimal(value, 3).parse::<f64>(), expected.parse::<f64>(), "{value}");
        }
        assert_eq!(
            [decimal(12.5, 3), decimal(7.0, 4), decimal(-0.0002, 3), decimal(0.05, 3), decimal(1e300, 3)],
            ["12.5", "7", "0", "0.05", &format!("{:.0}", 1e300)]
        );
        for i in 0..2000 {
            let value = f64::from(i) * 17.133_77 - 9_000.0;
            assert!((decimal(value, 4).parse::<f64>().unwrap() - value).abs() < 0.500_001e-4, "{value}");
        }
    }

    #[test]
    fn fixed_places_are_those_of_format() {
        for (value, places) in
            [(0.0, 4), (-0.5, 4), (1.05, 2), (123_456.789_01, 4), (0.000_049, 4), (3.0, 0), (1e17, 2)]
        {
            assert_eq!(written(push_fixed, value, places), format!("{value:.places$}"), "{value} {places}");
        }
        assert_eq!(written(push_fixed, -0.000_04, 4), "0.0000", "nothing has no sign");
    }
}
