use super::*;
use std::io::Write;

const SQUARE: &str = "[[[10,10],[20,10],[20,20],[10,20],[10,10]]]";

fn read(text: &str) -> Result<Annotations> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Annotations::read(file.path(), &AnnotationLimits::default())
}

fn feature(geometry: &str) -> String {
    format!("{{\"type\":\"Feature\",\"geometry\":{geometry},\"properties\":{{}}}}")
}

fn polygon(coordinates: &str) -> String {
    feature(&format!("{{\"type\":\"Polygon\",\"coordinates\":{coordinates}}}"))
}

fn collection(features: &[String]) -> String {
    format!("{{\"features\":[{}],\"type\":\"FeatureCollection\"}}", features.join(","))
}

#[test]
fn every_form_of_the_same_square_reads_the_same() {
    let bare = format!("{{\"type\":\"Polygon\",\"coordinates\":{SQUARE}}}");
    let forms = [
        collection(&[polygon(SQUARE)]),
        polygon(SQUARE),
        bare.clone(),
        format!("[{}]", polygon(SQUARE)),
        format!("[{bare}]"),
        format!("\u{feff}{}", feature(&format!("{{\"type\":\"MultiPolygon\",\"coordinates\":[{SQUARE}]}}"))),
        feature(&format!("{{\"type\":\"GeometryCollection\",\"geometries\":[{bare}]}}")),
        polygon("[[[10,10],[20,10],[20,20],[10,20]]]"),
        polygon("[[[10.0,10,5],[20,1e1,5],[20,20,5],[10,20,5]]]"),
    ];
    for form in forms {
        let found = read(&form).unwrap();
        assert_eq!(found.outlines().len(), 1, "{form}");
        assert_eq!(found.outlines()[0].exterior, [[10.0, 10.0], [20.0, 10.0], [20.0, 20.0], [10.0, 20.0]], "{form}");
        assert!(found.notes.is_empty(), "{form}");
    }
}

#[test]
fn names_classes_types_and_holes_are_kept() {
    let text = "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"id\":\"7\",\"geometry\":\
                {\"type\":\"Polygon\",\"coordinates\":[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[2,2],[2,4],[4,4],[2,2]]]},\
                \"properties\":{\"objectType\":\"annotation\",\"name\":\"roi 1\",\"classification\":{\"name\":\"Tumor\",\
                \"color\":[200,0,0]},\"measurements\":{\"a\":1.5},\"metadata\":{\"x\":[1,{}]}}},\
                {\"type\":\"Feature\",\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[9,0],[9,9]]]},\
                \"properties\":{\"classification\":{\"names\":[\"Tumor\",\"Positive\"]}}}]}";
    let found = read(text).unwrap();
    let first = &found.features[0];
    assert_eq!((first.name.as_deref(), first.class.as_deref()), (Some("roi 1"), Some("Tumor")));
    assert_eq!((first.object_type.as_deref(), first.outlines[0].holes.len()), (Some("annotation"), 1));
    assert_eq!(found.features[1].class.as_deref(), Some("Tumor: Positive"));
}

#[test]
fn a_packed_file_is_unpacked_and_an_endless_one_refused() {
    let packed = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&encoder.finish().unwrap()).unwrap();
        file
    };
    let limits = AnnotationLimits { file_bytes: 1000, ..Default::default() };
    let file = packed(polygon(SQUARE).as_bytes());
    assert_eq!(Annotations::read(file.path(), &limits).unwrap().features.len(), 1);
    let error = Annotations::read(packed(&[b' '; 100_000]).path(), &limits).unwrap_err().to_string();
    assert!(error.contains("file_bytes") && error.contains("1000"), "{error}");
}

#[test]
fn too_many_vertices_are_refused() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(polygon(SQUARE).as_bytes()).unwrap();
    let limits = AnnotationLimits { vertices: 4, ..Default::default() };
    assert!(Annotations::read(file.path(), &limits).unwrap_err().to_string().contains("vertices"));
}

#[test]
fn a_bad_polygon_is_an_error_that_names_its_feature() {
    let bad = [
        "[[[0,0],[null,5],[5,5]]]",
        "[[[0,0],[NaN,5],[5,5]]]",
        "[[[0,0],[1e999,5],[5,5]]]",
        "[[[0,0],[\"3\",5],[5,5]]]",
        "[[[0],[5,5],[0,5]]]",
        "[[0,0],[5,5],[0,5]]",
        "[[[0,0],[5,5]]]",
        "[[[0,0],[5,0],[9,0]]]",
        "[[[0,0],[5,5],[0,5]],[[1,1]]]",
        "[]",
        "5",
        "null",
    ];
    for coordinates in bad {
        let error = read(&collection(&[polygon(SQUARE), polygon(coordinates)])).unwrap_err().to_string();
        assert!(error.contains("feature 1"), "{coordinates}: {error}");
    }
    assert!(read("{\"type\": \"Feature").unwrap_err().to_string().contains("not GeoJSON"));
    assert!(read(&format!("{}{}", "[".repeat(5000), "]".repeat(5000))).is_err());
}

#[test]
fn what_is_not_a_polygon_is_listed() {
    let point = "{\"type\":\"Point\",\"coordinates\":[5,5]}";
    let line = "{\"type\":\"LineString\",\"coordinates\":[[5,5],[6,6]]}";
    let found = read(&collection(&[feature(point), polygon(SQUARE), feature(line), feature("null")])).unwrap();
    assert_eq!(found.features.iter().map(|feature| feature.index).collect::<Vec<_>>(), [1]);
    let note = &found.notes[0];
    assert!(
        note.contains("0 (Point)") && note.contains("2 (LineString)") && note.contains("3 (no geometry)"),
        "{note}"
    );
    let many: Vec<String> = (0..50).map(|_| feature(point)).collect();
    assert!(read(&collection(&many)).unwrap().notes[0].contains("and 30 more"));
}

#[test]
fn a_polygon_off_the_slide_is_refused_and_one_over_the_edge_noted() {
    let mut found = read(&collection(&[polygon(SQUARE), polygon("[[[50,50],[60,50],[60,60]]]")])).unwrap();
    let error = found.check_inside(Size::new(40, 40)).unwrap_err().to_string();
    assert!(error.contains("feature 1") && error.contains("40 x 40"), "{error}");
    assert!(found.check_inside(Size::new(55, 55)).is_ok());
    assert!(found.notes[0].contains("feature 1"), "{:?}", found.notes);
    assert!(read(&collection(&[])).unwrap().check_inside(Size::new(9, 9)).is_err());
}
