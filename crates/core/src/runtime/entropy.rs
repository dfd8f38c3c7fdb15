//! Chance from the system, for ids and seeds.

use std::hash::{BuildHasher, RandomState};

/// A number that no other process draws: the standard library seeds its maps with the system's randomness.
pub(crate) fn entropy() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
