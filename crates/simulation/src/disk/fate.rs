//! The effect of a power loss on a write.

use fastrand::Rng;

/// A power loss may keep some blocks of a write and lose others. Real blocks and writes are larger.
const BLOCK_BYTES: usize = 64;

/// The fate of a write that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing was written.
    Lost,
    /// All of it was written.
    Kept,
    /// The file ends after this many of its bytes.
    Torn(usize),
    /// The file has its full length, with zeros after this many of its bytes.
    Zeroed(usize),
    /// The file has its full length, with zeros instead of this many first bytes: the last bytes were written
    /// first.
    Reordered(usize),
    /// Of each 64 blocks, those whose bit is set were written; the others are zeros.
    Blocks(u64),
    /// All of it was written, with one wrong bit in this byte.
    Garbled(usize),
}

impl Fate {
    /// The surviving form of `bytes`; `None` if not even the file's length changed.
    pub(super) fn of(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut survived = bytes.to_vec();
        match self {
            Self::Lost => return None,
            Self::Kept => {}
            Self::Torn(keep) => survived.truncate(keep),
            Self::Zeroed(from) => survived.iter_mut().skip(from).for_each(|byte| *byte = 0),
            Self::Reordered(to) => survived.iter_mut().take(to).for_each(|byte| *byte = 0),
            Self::Blocks(mask) => {
                for (number, block) in survived.chunks_mut(BLOCK_BYTES).enumerate() {
                    if mask >> (number % 64) & 1 == 0 {
                        block.fill(0);
                    }
                }
            }
            Self::Garbled(at) => survived.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1),
        }
        Some(survived)
    }

    pub(super) fn draw(rng: &mut Rng, longest: usize) -> Self {
        match rng.u8(0..9) {
            0 | 1 => Self::Lost,
            2 => Self::Kept,
            3 | 4 => Self::Torn(rng.usize(0..=longest)),
            5 => Self::Zeroed(rng.usize(0..=longest)),
            6 => Self::Reordered(rng.usize(0..=longest)),
            7 => Self::Garbled(rng.usize(0..=longest)),
            _ => Self::Blocks(rng.u64(..)),
        }
    }

    /// A short name for logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Kept => "kept",
            Self::Torn(_) => "torn",
            Self::Zeroed(_) => "zeroed",
            Self::Reordered(_) => "written last part first",
            Self::Blocks(_) => "written in part",
            Self::Garbled(_) => "garbled",
        }
    }
}
