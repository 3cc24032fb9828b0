//! How bytes are split into callbacks changes nothing that is counted (law L2).

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a failed test says so by panicking"
)]

#[path = "cases/cases.rs"]
#[allow(unreachable_pub, missing_docs, reason = "shared between the tests of this folder only")]
mod cases;
#[path = "support/support.rs"]
mod support;

use support::play::{Case, Process, Split, differences};
use support::random::Random;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Conversations up to this size are cut at every byte; of larger ones, so many bytes are chosen.
const EVERY_BYTE_MAX: usize = 4 * 1024;
const CHOSEN_BYTES: usize = 20;
const RANDOM_SPLITS: u64 = 6;
const SIZES: [usize; 12] = [1, 2, 3, 5, 7, 11, 61, 255, 257, 511, 513, 1_023];
const SIZES_OF_LARGE: [usize; 3] = [1, 61, 1_023];

#[test]
fn cut_once_at_every_byte() {
    for case in cases::all() {
        let whole = case.play(Split::Whole);
        for at in cuts(&case) {
            compare(&case, &whole, Split::At(at));
        }
    }
}

#[test]
fn byte_by_byte_and_in_small_pieces() {
    for case in cases::all() {
        let whole = case.play(Split::Whole);
        let sizes = if is_large(&case) { SIZES_OF_LARGE.as_slice() } else { SIZES.as_slice() };
        for &size in sizes {
            compare(&case, &whole, Split::Every(size));
        }
    }
}

#[test]
fn in_random_pieces() {
    for case in cases::all() {
        let whole = case.play(Split::Whole);
        for seed in 1..=RANDOM_SPLITS {
            compare(&case, &whole, Split::Random(seed));
        }
    }
}

fn is_large(case: &Case) -> bool {
    case.size() > EVERY_BYTE_MAX
}

fn cuts(case: &Case) -> Vec<usize> {
    let size = case.size();
    if !is_large(case) {
        return (1..size).collect();
    }
    let mut random = Random::new(7);
    (0..CHOSEN_BYTES).map(|_| random.below(size)).collect()
}

fn compare(case: &Case, whole: &Process, split: Split) {
    let split_up = case.play(split);
    let wrong = differences(&split_up.snapshot(), &whole.snapshot());
    assert!(wrong.is_empty(), "{}, {split:?}, against one piece:\n{}", case.name, wrong.join("\n"));
}
