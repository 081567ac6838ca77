//! Against numpy and scipy (`tests/golden/generative.py`), and against what is known of distances.

use super::*;

/// `features` of `tests/golden/generative.py`.
fn features(images: usize, dims: usize, phase: f64, scale: f64) -> Features {
    let value = |i: usize, j: usize| {
        let angle = 0.7 * i as f64 * (j + 1) as f64 + 1.9 * j as f64 + phase;
        (scale * angle.sin() + 0.1 * j as f64 + 0.05 * phase) as f32
    };
    let values: Vec<f32> = (0..images).flat_map(|i| (0..dims).map(move |j| value(i, j))).collect();
    Features::new(&values, dims).unwrap()
}

#[test]
fn both_distances_equal_scipys_with_more_and_with_fewer_images_than_features() {
    let cases = [((40, 30, 5), 1.307_812_290, 0.227_240_224), ((6, 8, 9), 8.445_789_012, 0.132_748_803)];
    for ((n, m, dims), fid, kid) in cases {
        let (a, b) = (features(n, dims, 0.0, 1.0), features(m, dims, 1.0, 1.3));
        let (got, back) = (frechet(&a, &b).unwrap(), frechet(&b, &a).unwrap());
        assert!((got - fid).abs() < 1e-6 && (got - back).abs() < 1e-9, "{got} and {back} for {fid}");
        let got = kernel(&a, &b, 3, 4, 1).unwrap().all;
        assert!((got - kid).abs() < 1e-8, "{got} for {kid}");
    }
}

#[test]
fn a_set_is_no_distance_from_itself_and_a_shift_is_its_square() {
    let a = features(30, 4, 0.0, 1.0);
    assert!(frechet(&a, &a).unwrap() < 1e-12);
    let moved = Features { rows: a.rows.add_scalar(0.5) };
    assert!((frechet(&a, &moved).unwrap() - 4.0 * 0.25).abs() < 1e-9);
}

#[test]
fn the_kernel_distance_is_unbiased_where_the_sets_are_alike_and_its_spread_shrinks() {
    let uniform = |seed: u64, n: usize| {
        use rand::RngExt;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Features::new(&(0..n * 3).map(|_| rng.random::<f32>()).collect::<Vec<_>>(), 3).unwrap()
    };
    let values: Vec<f64> =
        (0..60).map(|i| kernel(&uniform(2 * i, 40), &uniform(2 * i + 1, 40), 1, 2, 0).unwrap().all).collect();
    let mean = values.iter().sum::<f64>() / 60.0;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 59.0).sqrt();
    assert!(mean.abs() < 4.0 * deviation / 60_f64.sqrt(), "{mean} of {deviation}");
    assert!(values.iter().any(|&v| v < 0.0), "without bias some fall below 0");
    let (a, b) = (uniform(500, 200), uniform(501, 200));
    let [small, large] = [10, 100].map(|size| kernel(&a, &b, 50, size, 3).unwrap());
    assert!(large.spread < small.spread);
    assert_eq!(small, kernel(&a, &b, 50, 10, 3).unwrap(), "the seed decides");
}

#[test]
fn a_copy_of_a_training_image_is_suspicious_and_a_new_image_is_not() {
    // Training images on a line, one apart.
    let line = |places: &[f32]| Features::new(&places.iter().flat_map(|&p| [p, 2.0]).collect::<Vec<_>>(), 2).unwrap();
    let training = line(&(0..50).map(|i| i as f32).collect::<Vec<_>>());
    let found = neighbours(&line(&[7.0, 70.0, 12.25]), &training, 2).unwrap();
    assert!((found.threshold - 1.0).abs() < 1e-9);
    assert_eq!(found.share, 1.0, "all are as near to each other");
    assert_eq!(found.suspicious, [0, 2], "nearest first; the second is far from all");
    assert_eq!(found.nearest[0].iter().map(|n| n.0).collect::<std::collections::BTreeSet<_>>().len(), 2);
    assert_eq!((found.nearest[0][0].0, found.nearest[2][0].0, found.nearest[1][0].0), (7, 12, 49));
    assert!((found.nearest[2][0].1 - 0.25).abs() < 1e-6 && found.nearest[0][0].1 < 1e-6);
}

#[test]
fn the_share_expected_by_chance_is_that_of_the_training_images_themselves() {
    // Gaps of 1, 2, 3, ...: each image but the first is nearest to the one before it.
    let line = |n: usize| {
        let places = (0..n).flat_map(|i| [(i * (i + 1) / 2) as f32, 0.0]).collect::<Vec<_>>();
        Features::new(&places, 2).unwrap()
    };
    for (n, want) in [(10, 2.0 / 10.0), (400, 4.0 / 400.0)] {
        let found = neighbours(&line(3), &line(n), 1).unwrap();
        assert!((found.share - want).abs() < 1e-12, "{n}: {}", found.share);
    }
}

#[test]
fn too_few_images_and_broken_features_are_named() {
    let (one, many) = (features(1, 3, 0.0, 1.0), features(9, 3, 0.0, 1.0));
    assert!(frechet(&one, &many).unwrap_err().to_string().contains("at least 2"));
    assert!(kernel(&many, &many, 5, 10, 0).unwrap_err().to_string().contains("`--kid-size` is 10"));
    assert!(kernel(&many, &many, 0, 5, 0).unwrap_err().to_string().contains("--kid-subsets"));
    assert!(frechet(&many, &features(9, 4, 0.0, 1.0)).is_err());
    let broken = Features::new(&[1.0, 2.0, 3.0, f32::NAN], 2).unwrap_err();
    assert!(format!("{broken:?}").contains("feature 1 of image 1 is NaN"), "{broken:?}");
}
