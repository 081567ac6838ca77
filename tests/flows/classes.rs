//! Several classes from masks to scores, as a user runs it: prepare, finetune, segment, evaluate.

use image::{GrayImage, Luma, Rgb, RgbImage};
use std::path::Path;
use std::process::{Command, Output};

const REST: &str = r#"
    seed = 5
    [network]
    dim = 8
    multipliers = [1, 2]
    normalisation = "batch"
    attention = false
    time_embedding = false
    full_resolution_skip = true
    [input]
    mpp = 1.0
    tile_px = 64
    halo_px = 16
    range = [-1.0, 1.0]
    [augment]
    brightness = 0.0
    contrast = 0.0
    stain = 0.0
    [optimizer]
    kind = "adamw"
    rate = 2e-2
    schedule = "cosine"
    [training]
    epochs = 4
    steps_per_epoch = 12
    batch = 4
    crop_px = 48
    ema = 0.9
    precision = "f32"
    [postprocessing]
    min_area_um2 = 20.0
"#;

const HEAD: &str = "name = \"tissue\"\nversion = \"0.1.0\"\ntitle = \"Tumour and stroma\"\nlicense = \"CC0-1.0\"\n";

/// Tumour is a violet disc, stroma a pink band, all else glass; the places differ from image to image.
fn class(i: u32, x: u32, y: u32) -> u8 {
    let disc = (x as i32 - 20 - i as i32).pow(2) + (y as i32 - 18).pow(2) <= 100;
    if disc { 1 } else { 2 * u8::from((36 + i..52 + i).contains(&y)) }
}

fn picture(i: u32) -> RgbImage {
    let colour = |x, y| [Rgb([244, 243, 245]), Rgb([96, 62, 140]), Rgb([226, 164, 198])][usize::from(class(i, x, y))];
    RgbImage::from_fn(72, 64, colour)
}

fn raw(root: &Path) {
    for part in ["image", "mask"] {
        std::fs::create_dir_all(root.join(part)).unwrap();
    }
    for i in 0..6 {
        picture(i).save(root.join(format!("image/{i}.png"))).unwrap();
        let mask = GrayImage::from_fn(72, 64, |x, y| Luma([class(i, x, y)]));
        mask.save(root.join(format!("mask/{i}.png"))).unwrap();
    }
}

fn slidestream(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slidestream-torch")).current_dir(folder).args(arguments).output().unwrap()
}

fn done(folder: &Path, arguments: &[&str]) {
    let output = slidestream(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The configuration that the table of the prepared data set makes possible.
fn configuration(folder: &Path) -> String {
    let table = std::fs::read_to_string(folder.join("set/dataset.toml")).unwrap();
    let mut table: toml::Table = table.parse().unwrap();
    let head: toml::Table = HEAD.parse().unwrap();
    table["model"].as_table_mut().unwrap().extend(head);
    let rest: toml::Table = REST.parse().unwrap();
    table.extend(rest);
    toml::to_string(&table).unwrap()
}

#[test]
fn three_classes_go_from_masks_to_outlines_and_scores_of_each() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    raw(&at("raw"));
    let kind = ["--labels", "classes", "--class", "Tumour", "--class", "Stroma"];
    let split = ["--mpp", "1", "--val", "0.34", "--test", "0", "--out", "set"];
    done(dir.path(), &[&["prepare", "folder", "raw"], &kind[..], &split[..]].concat());
    let text = configuration(dir.path());
    std::fs::write(at("tissue.toml"), &text).unwrap();
    let finetune = ["finetune", "tissue.toml", "--device", "cpu", "--threads", "1", "--out", "run"];
    done(dir.path(), &finetune);

    let splits: serde_json::Value = serde_json::from_slice(&std::fs::read(at("run/metrics.json")).unwrap()).unwrap();
    let val = splits.as_array().unwrap().iter().find(|split| split["split"] == "val").unwrap();
    for class in ["Tumour", "Stroma"] {
        assert!(val["class_dice"][class].as_f64().unwrap() > 0.8, "{val}");
    }
    let header = std::fs::read_to_string(at("run/scores.csv")).unwrap();
    assert!(header.lines().next().unwrap().ends_with("dice.Tumour,dice.Stroma"), "{header}");
    let card = std::fs::read_to_string(at("run/tissue/README.md")).unwrap();
    assert!(card.contains("| Finds | `Tumour`, `Stroma`: connected areas |") && card.contains("| Stroma |"), "{card}");
    done(dir.path(), &["models", "check", "run/tissue"]);

    picture(3).save(at("field.png")).unwrap();
    let model = ["--model", "run/tissue", "--device", "cpu", "--threads", "1", "--mpp", "1"];
    done(dir.path(), &[&["segment", "field.png", "--out", "found", "--whole-slide"], &model[..]].concat());
    let found = std::fs::read_dir(at("found/field.png")).unwrap().map(|entry| entry.unwrap().path());
    let geojson = found.into_iter().find(|path| path.extension().is_some_and(|e| e == "geojson")).unwrap();
    let objects: serde_json::Value = serde_json::from_slice(&std::fs::read(geojson).unwrap()).unwrap();
    let classification = |name: &str| {
        let own = |f: &&serde_json::Value| f["properties"]["classification"]["name"] == name;
        objects["features"]
            .as_array()
            .unwrap()
            .iter()
            .find(own)
            .map(|f| f["properties"]["classification"]["color"].clone())
    };
    let colours = [classification("Tumour"), classification("Stroma")].map(|c| c.expect("an object of the class"));
    assert_eq!(colours, [serde_json::json!([0, 200, 60]), serde_json::json!([255, 190, 0])]);

    let places = ["--images", "raw/image", "--masks", "raw/mask", "--out", "scores"];
    done(dir.path(), &[&["evaluate"], &places[..], &model[..]].concat());
    let metrics = std::fs::read_to_string(at("scores/metrics.csv")).unwrap();
    let header = metrics.lines().next().unwrap();
    for column in ["dice", "dice.Tumour", "dice.Stroma", "hd_um.Stroma", "pq.Tumour", "ece", "brier"] {
        assert!(header.split(',').any(|name| name == column), "{column}: {header}");
    }
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(at("scores/summary.json")).unwrap()).unwrap();
    assert_eq!(summary["confusion"]["classes"], serde_json::json!(["Background", "Tumour", "Stroma"]));
    let confusion = summary["confusion"]["pixels"].as_array().unwrap();
    let row =
        |class: usize| confusion[class].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect::<Vec<_>>();
    let truth = |class: u8| {
        (0..6)
            .flat_map(|i| (0..72 * 64).map(move |p| (i, p)))
            .filter(|&(i, p)| self::class(i, p % 72, p / 72) == class)
            .count() as u64
    };
    for class in 0..3_u8 {
        let row = row(class.into());
        assert_eq!(
            (row.len(), row.iter().sum::<u64>()),
            (3, truth(class)),
            "every pixel of class {class} is counted once"
        );
        assert!(row[usize::from(class)] * 10 > truth(class) * 8, "{row:?}");
    }

    // The names of the classes are what the network has learnt.
    std::fs::write(at("tissue.toml"), text.replace("\"Stroma\"", "\"Muscle\"")).unwrap();
    let renamed = slidestream(dir.path(), &[&finetune[..], &["--resume"]].concat());
    assert!(said(&renamed).contains("`model.class") && said(&renamed).contains("Muscle"), "{}", said(&renamed));
}

#[test]
fn masks_that_do_not_fit_the_classes_end_the_run_before_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    raw(&at("raw"));
    let text = format!(
        "[data]\nroot = \"raw\"\nlabels = \"classes\"\nsplit_by = \"patch\"\nval_share = 0.2\ntest_share = 0.2\n[model]\n{HEAD}\
         [[model.class]]\nname = \"Tumour\"\ncolor = [200, 0, 0]\n[[model.class]]\nname = \"Stroma\"\ncolor = [0, 0, 200]\n"
    );
    let table: toml::Table = text.parse().unwrap();
    let merged = |extra: &str| {
        let mut table = table.clone();
        table.extend(REST.parse::<toml::Table>().unwrap());
        toml::to_string(&table).unwrap() + extra
    };
    let refused = |text: &str| {
        std::fs::write(at("tissue.toml"), text).unwrap();
        let output = slidestream(dir.path(), &["finetune", "tissue.toml", "--device", "cpu", "--out", "run"]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(!at("run/metrics.csv").exists());
        std::fs::remove_dir_all(at("run")).ok();
        said(&output)
    };
    let muscle = "\n[[model.class]]\nname = \"Muscle\"\ncolor = [9, 9, 9]\n";
    let error = refused(&merged(muscle));
    assert!(error.contains("no training image holds the class `Muscle` (level 3"), "{error}");
    // Whatever split the image is in.
    for i in 0..6 {
        let path = at(&format!("raw/mask/{i}.png"));
        let whole = image::open(&path).unwrap().into_luma8();
        let mut spoilt = whole.clone();
        spoilt.put_pixel(5, 7, Luma([4]));
        spoilt.save(&path).unwrap();
        let error = refused(&merged(""));
        let named = [format!("mask/{i}.png"), "value 4 at column 5, row 7".into(), "0 to 2".into()];
        assert!(named.iter().all(|part| error.contains(part)), "{error}");
        whole.save(&path).unwrap();
    }
}
