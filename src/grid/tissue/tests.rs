use super::*;
use crate::geometry::{Rect, Size};
use crate::grid::painted::Painted;

const SIZE: Size = Size::new(2400, 1600);
const GLASS: [u8; 3] = [242, 241, 243];

/// The same value from 0 to 255 for the same pixel.
fn grain(x: u32, y: u32) -> u8 {
    let mixed = (u64::from(x) << 32 | u64::from(y)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 40) as u8
}

/// Pink stroma with a violet nucleus in every third square of 14 pixels.
fn tissue(x: u32, y: u32) -> [u8; 3] {
    let (dx, dy) = ((x % 14) as i32 - 7, (y % 14) as i32 - 7);
    let nucleus = grain(x / 14, y / 14) < 85 && dx * dx + dy * dy < 25;
    let color: [u8; 3] = if nucleus { [96, 62, 140] } else { [222, 160, 196] };
    color.map(|value| value.saturating_add(grain(x, y) % 12))
}

fn in_disc(x: u32, y: u32, center: (f64, f64), radius: f64) -> bool {
    (f64::from(x) - center.0).hypot(f64::from(y) - center.1) < radius
}

fn in_island(x: u32, y: u32) -> bool {
    in_disc(x, y, (700.0, 800.0), 500.0)
}

/// Glass with one island of tissue.
fn island(x: u32, y: u32) -> [u8; 3] {
    if in_island(x, y) { tissue(x, y) } else { GLASS }
}

fn detect(color: impl Fn(u32, u32) -> [u8; 3] + Send + Sync) -> TissueMask {
    detect_tissue(&Painted::new(SIZE, color), 1.0, &TissueConfig::default()).unwrap()
}

/// Dice of the mask and the truth over every fourth pixel.
fn dice(mask: &TissueMask, truth: impl Fn(u32, u32) -> bool) -> f64 {
    let (mut both, mut sum) = (0u64, 0u64);
    for y in (0..SIZE.height).step_by(4) {
        for x in (0..SIZE.width).step_by(4) {
            let (found, is) = (mask.contains(f64::from(x) + 0.5, f64::from(y) + 0.5), truth(x, y));
            both += u64::from(found && is);
            sum += u64::from(found) + u64::from(is);
        }
    }
    2.0 * both as f64 / sum as f64
}

fn notes(mask: &TissueMask) -> String {
    mask.notes().join("; ")
}

#[test]
fn an_island_on_glass_is_found() {
    let mask = detect(island);
    assert!(dice(&mask, in_island) > 0.98, "{} {}", dice(&mask, in_island), notes(&mask));
    assert!(notes(&mask).contains("Otsu"), "{}", notes(&mask));
}

#[test]
fn pen_marks_of_every_ink_are_left_out() {
    for (name, ink) in
        [("blue", [30, 60, 190]), ("green", [40, 150, 90]), ("red", [210, 30, 40]), ("black", [45, 44, 50])]
    {
        let mask = detect(|x, y| if (1500..1800).contains(&x) && y > 200 { ink } else { island(x, y) });
        assert!(dice(&mask, in_island) > 0.97, "{name}: {} {}", dice(&mask, in_island), notes(&mask));
        assert!(!mask.covers(Rect::new(1400, 0, 500, 1600)), "{name}: {}", notes(&mask));
        assert!(notes(&mask).contains(name), "{name}: {}", notes(&mask));
    }
}

#[test]
fn ink_drawn_over_tissue_is_cut_out_of_it() {
    let on_stroke = |x: u32| (650..800).contains(&x);
    let mask = detect(|x, y| if on_stroke(x) { [30, 60, 190] } else { island(x, y) });
    assert!(!mask.covers(Rect::new(660, 400, 130, 800)), "{}", notes(&mask));
    assert!(dice(&mask, |x, y| in_island(x, y) && !on_stroke(x)) > 0.93, "{}", notes(&mask));
}

#[test]
fn pen_marks_stay_when_they_are_asked_for() {
    let config = TissueConfig { reject_pen: false, ..Default::default() };
    let slide = Painted::new(SIZE, |x, y| if x > 2000 { [30, 60, 190] } else { island(x, y) });
    assert!(detect_tissue(&slide, 1.0, &config).unwrap().contains(2200.0, 800.0));
}

#[test]
fn blue_violet_haematoxylin_is_not_taken_for_ink() {
    let mask = detect(|x, y| match tissue(x, y) {
        _ if !in_island(x, y) => GLASS,
        [r, ..] if r < 150 => [60, 70, 160],
        stroma => stroma,
    });
    assert!(dice(&mask, in_island) > 0.97, "{} {}", dice(&mask, in_island), notes(&mask));
}

#[test]
fn faint_eosin_beside_dark_tissue_is_found() {
    let faint = |x, y| in_disc(x, y, (1800.0, 800.0), 400.0);
    let mask = detect(|x, y| if faint(x, y) { [237, 219, 229].map(|v: u8| v + grain(x, y) % 4) } else { island(x, y) });
    assert!(dice(&mask, |x, y| in_island(x, y) || faint(x, y)) > 0.97, "{}", notes(&mask));
}

#[test]
fn fat_is_tissue_although_most_of_it_is_empty() {
    let fat = |x: u32, y: u32| in_disc(x, y, (1800.0, 800.0), 400.0);
    let membrane = |x: u32, y: u32| x % 80 < 6 || y % 80 < 6;
    let mask = detect(|x, y| match () {
        () if fat(x, y) => {
            if membrane(x, y) {
                [205, 140, 180]
            } else {
                GLASS
            }
        }
        () => island(x, y),
    });
    assert!(dice(&mask, |x, y| in_island(x, y) || fat(x, y)) > 0.95, "{}", notes(&mask));
}

#[test]
fn black_margins_and_fills_are_left_out() {
    let black = |x: u32, y: u32| y < 150 || x > 2200 || (1500..1900).contains(&x) && (600..900).contains(&y);
    let mask = detect(|x, y| if black(x, y) { [8, 8, 8] } else { island(x, y) });
    assert!(dice(&mask, in_island) > 0.97, "{} {}", dice(&mask, in_island), notes(&mask));
    assert!(!mask.covers(Rect::new(1400, 0, 1000, 1600)), "{}", notes(&mask));
}

#[test]
fn specks_bubbles_and_shading_are_left_out() {
    let mask = detect(|x, y| {
        let shade = (x / 200) as u8;
        let bubble = in_disc(x, y, (1900.0, 500.0), 200.0) && !in_disc(x, y, (1900.0, 500.0), 170.0);
        match () {
            () if in_disc(x, y, (1900.0, 1100.0), 30.0) => [150, 60, 120],
            () if bubble => [150, 151, 152],
            () if in_island(x, y) => tissue(x, y),
            () => GLASS.map(|value| value - shade),
        }
    });
    assert!(dice(&mask, in_island) > 0.97, "{} {}", dice(&mask, in_island), notes(&mask));
    assert!(!mask.covers(Rect::new(1400, 0, 1000, 1600)), "{}", notes(&mask));
}

#[test]
fn unscanned_white_beside_grey_glass_is_not_tissue_and_neither_is_the_glass() {
    let mask = detect(|x, y| if x > 1300 { [255; 3] } else { island(x, y) });
    assert!(dice(&mask, in_island) > 0.97, "{} {}", dice(&mask, in_island), notes(&mask));
}

#[test]
fn a_field_of_nothing_but_tissue_is_tissue_everywhere() {
    for edge in [40, 300, 1000] {
        let mask = detect_tissue(&Painted::new(Size::new(edge, edge), tissue), 0.5, &TissueConfig::default()).unwrap();
        assert_eq!(mask.share(), 1.0, "{edge}: {}", notes(&mask));
        assert!(notes(&mask).contains("no glass"), "{}", notes(&mask));
    }
}

#[test]
fn glass_white_and_black_give_an_empty_mask_that_says_so() {
    for (color, word) in [(GLASS, "stained"), ([255; 3], "white"), ([0; 3], "black")] {
        let mask = detect(|_, _| color);
        assert!(
            mask.is_empty() && notes(&mask).contains("no tissue") && notes(&mask).contains(word),
            "{}",
            notes(&mask)
        );
    }
    let dusty = detect(|x, y| if in_disc(x, y, (500.0, 500.0), 20.0) { [90, 40, 120] } else { GLASS });
    assert!(dusty.is_empty() && notes(&dusty).contains("smaller than"), "{}", notes(&dusty));
}

#[test]
fn fluorescence_is_refused_with_the_way_out() {
    let slide = Painted::new(SIZE, |x, y| if in_island(x, y) && x % 14 < 6 { [0, 0, 220] } else { [0, 0, 9] });
    let error = detect_tissue(&slide, 1.0, &TissueConfig::default()).unwrap_err().to_string();
    assert!(error.contains("fluorescence") && error.contains("--roi"), "{error}");
}

#[test]
fn one_pixel_is_judged_without_fail() {
    let judge = |color: [u8; 3]| {
        detect_tissue(&Painted::new(Size::new(1, 1), move |_, _| color), 0.25, &TissueConfig::default()).unwrap()
    };
    assert!(judge([180, 90, 150]).share() == 1.0 && judge(GLASS).is_empty());
}
