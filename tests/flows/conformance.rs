//! Which test holds which part of the published method (the conformance list of its specification):
//!
//! | what | file | test |
//! |---|---|---|
//! | parameters of each module, and of 2, 3 and 4 classes | src/nn/unet/tests.rs | the_published_network_has_the_published_parameters |
//! | parameters of the width ablation | src/nn/unet/tests.rs | the_width_ablation_of_the_paper_has_its_parameters |
//! | shapes of every level | src/nn/unet/tests.rs | every_level_has_the_published_width_and_resolution |
//! | answers of the network | src/nn/unet/tests.rs | outputs_equal_the_reference_for_every_variant |
//! | table of the noise schedule | src/diffusion/schedule.rs | the_published_schedule_has_the_reference_values |
//! | weight of a step, 1 - abar | src/diffusion/schedule.rs | p2_with_1_and_1_is_what_the_noise_has_taken_and_weighs_0_577_on_average |
//! | golden values of the SS and focal loss | src/train/loss/tests.rs | the_golden_vector_of_the_reference_holds_to_1e9 |
//! | patches an image: 144, 20, 45 | src/data/patches.rs | the_published_patch_counts_follow |
//! | splits of 14 and 80 images | src/data/legacy_permutation.rs | small_permutations_are_those_of_numpy |
//! | beginnings of the splits of patches | src/data/legacy_permutation.rs | large_permutations_begin_as_those_of_numpy |
//! | test images of GlaS | tests/flows/prepare/formats.rs | the_published_glas_split_is_had_again |
//! | patches held out of a training | src/data/splits.rs | patches_are_held_out_by_numpys_permutation_of_the_training_patches |
//! | table of the published Hausdorff distance | src/metrics/compat.rs | the_published_hausdorff_distance_is_blind_where_the_true_one_is_not |
//! | published AJI: IoU of one class, credit for a wrong one | src/metrics/compat.rs | aji_of_class_numbers_is_iou_for_one_class_and_rewards_the_wrong_class_with_two |
//! | head swap: 31,192,776 numbers taken over, the rest new | src/train/start/tests.rs | at_the_published_width_all_but_the_heads_74307_numbers_are_taken |
//! | a new head keeps its initial values | src/nn/weights.rs | a_fresh_head_keeps_its_initial_values |
//! | loss of a network that answers 0: 0.577 an image | src/diffusion/objective.rs | a_zero_predictor_scores_0_577_an_image |
//! | x0, epsilon and v are converted there and back | src/diffusion/schedule.rs | conversions_give_back_the_image_and_the_noise |
//! | a weight means the same on x0, epsilon and v | src/diffusion/schedule.rs | one_weight_means_the_same_on_every_target |
//! | DDIM with eta 1 and all steps is ancestral | src/diffusion/sampler.rs | ddim_with_eta_1_and_all_steps_is_ancestral_in_mean_and_variance_and_both_find_the_data |
//! | masks of GlaS after JPEG (T-5) | src/data/published_jpeg.rs | masks_lose_what_they_lose_in_libjpeg |
//! | pre-training lowers the loss | tests/flows/pretrain.rs | a_run_learns_leaves_what_is_promised_and_draws |
//!
//! Not a test: that 100 epochs on MoNuSeg bring the validation loss to 0.004 an image. That takes a GPU some hours;
//! `metrics.csv` of such a run says it.

use std::path::Path;

#[test]
fn every_test_that_the_list_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows: Vec<[&str; 2]> = include_str!("conformance.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | "))
        .filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").take(2).collect::<Vec<_>>().try_into().ok())
        .filter(|row: &[&str; 2]| row[1].ends_with(".rs"))
        .collect();
    assert_eq!(rows.len(), 22);
    for [test, file] in rows {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let test = format!("#[test]\nfn {test}()");
        let found = text.lines().map(str::trim).collect::<Vec<_>>().join("\n").contains(&test);
        assert!(found, "{file} has no such test: {test}");
    }
}
