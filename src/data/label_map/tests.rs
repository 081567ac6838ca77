use super::*;
use proptest::prelude::*;

const RULES: DrawRules = DrawRules { allow_outside: false, published: None };

fn shape(place: &str, ring: &[[f64; 2]]) -> Shape {
    Shape { place: place.into(), outlines: vec![Outline { exterior: ring.to_vec(), holes: vec![] }] }
}

fn square(place: &str, [x, y]: [f64; 2], edge: f64) -> Shape {
    shape(place, &[[x, y], [x + edge, y], [x + edge, y + edge], [x, y + edge]])
}

fn draw(shapes: &[Shape], size: Size, rules: DrawRules) -> Result<(Vec<u32>, DrawCounts)> {
    draw_objects(Path::new("a.xml"), shapes, size, rules)
}

#[test]
fn the_smaller_of_two_objects_keeps_the_pixels_that_both_claim() {
    let (large, small) = (square("region 1", [0.0, 0.0], 4.0), square("region 2", [3.0, 0.0], 2.0));
    let size = Size::new(6, 4);
    let (labels, counts) = draw(&[large.clone(), small.clone()], size, RULES).unwrap();
    assert_eq!(labels[..6], [1, 1, 1, 2, 2, 0]);
    assert_eq!((counts.objects, counts.contested_px), (2, 2));
    let (labels, _) = draw(&[small, large], size, RULES).unwrap();
    assert_eq!(labels[..6], [2, 2, 2, 1, 1, 0], "whatever the order");
}

#[test]
fn of_two_equal_objects_the_first_keeps_the_pixels_and_the_other_is_counted_as_covered() {
    let shapes = [square("a", [0.0, 0.0], 2.0), square("b", [0.0, 0.0], 2.0), square("c", [2.1, 0.1], 0.2)];
    let (labels, counts) = draw(&shapes, Size::new(3, 2), RULES).unwrap();
    assert_eq!(labels, [1, 1, 0, 1, 1, 0]);
    assert_eq!((counts.objects, counts.covered, counts.without_pixels, counts.contested_px), (1, 1, 1, 4));
}

#[test]
fn shapes_beyond_the_edge_are_cut_and_shapes_outside_are_named() {
    let size = Size::new(4, 4);
    let inside = square("region 1", [-1.0, 2.0], 3.0);
    let (labels, counts) = draw(std::slice::from_ref(&inside), size, RULES).unwrap();
    assert_eq!((labels.iter().filter(|label| **label == 1).count(), counts.clipped), (4, 1));
    let outside = [inside.clone(), square("region 2", [4.0, 0.0], 3.0)];
    let message = draw(&outside, size, RULES).unwrap_err().to_string();
    assert!(message.contains("a.xml: region 2 spans (4, 0) to (7, 3)") && message.contains("--allow-outside"));
    let thin = [inside, shape("region 3", &[[0.0, 0.0], [2.0, 2.0]])];
    let message = draw(&thin, size, RULES).unwrap_err().to_string();
    assert!(message.contains("region 3 has 2 corners"), "{message}");
    let allowed = DrawRules { allow_outside: true, ..RULES };
    for shapes in [outside, thin] {
        let (_, counts) = draw(&shapes, size, allowed).unwrap();
        assert_eq!((counts.objects, counts.left_out), (1, 1));
    }
}

#[test]
fn more_objects_than_a_mask_can_number_are_refused() {
    let dot = square("dot", [0.0, 0.0], 1.0);
    let message = draw(&vec![dot; MOST_OBJECTS + 1], Size::new(1, 1), RULES).unwrap_err().to_string();
    assert!(message.contains("65536, over the limit of 65535"), "{message}");
}

#[test]
fn later_classes_lie_over_earlier_ones() {
    let shapes = [square("a", [0.0, 0.0], 2.0), square("b", [1.0, 0.0], 1.0)];
    let (labels, counts) = draw_classes(Path::new("a"), &shapes, &[3, 1], Size::new(2, 2), RULES).unwrap();
    assert_eq!(labels, [3, 1, 3, 3]);
    assert_eq!((counts.objects, counts.contested_px), (2, 1));
}

#[test]
fn published_polygons_have_the_pixels_of_scikit_image() {
    #[derive(serde::Deserialize)]
    struct Case {
        width: u32,
        height: u32,
        xy: Vec<[f64; 2]>,
        /// First pixel and length of each run of inside, row-major.
        runs: Vec<[usize; 2]>,
    }
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../../tests/golden/polygon_fill.json")).unwrap();
    assert!(cases.len() >= 40);
    let rules = DrawRules { allow_outside: false, published: Some(|point, _| point) };
    for (number, case) in cases.iter().enumerate() {
        let size = Size::new(case.width, case.height);
        let (labels, _) = draw(&[shape("polygon", &case.xy)], size, rules).unwrap();
        let mut want = vec![0; labels.len()];
        case.runs.iter().for_each(|&[from, length]| want[from..from + length].fill(1));
        assert_eq!(labels, want, "polygon {number}: {:?}", case.xy);
    }
}

proptest! {
    #[test]
    fn each_pixel_belongs_to_a_shape_that_holds_its_centre(
        corners in prop::collection::vec((-3.0f64..11.0, -3.0f64..11.0, 0.5f64..6.0), 1..6),
    ) {
        let shapes: Vec<Shape> = corners.iter().map(|&(x, y, edge)| square("s", [x, y], edge)).collect();
        let size = Size::new(9, 8);
        let (labels, counts) = draw(&shapes, size, DrawRules { allow_outside: true, published: None }).unwrap();
        let holds = |(left, top, edge): (f64, f64, f64), i: usize| {
            let (x, y) = ((i % 9) as f64 + 0.5, (i / 9) as f64 + 0.5);
            x >= left && x < left + edge && y >= top && y < top + edge
        };
        for (i, &label) in labels.iter().enumerate() {
            prop_assert_eq!(label != 0, corners.iter().any(|&corner| holds(corner, i)));
        }
        prop_assert_eq!(counts.objects + counts.left_out + counts.without_pixels + counts.covered, shapes.len() as u64);
    }
}
