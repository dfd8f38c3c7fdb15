//! The stored claim of an active run: the rows that it sends.

use crate::job::Key;

/// Keys in groups, each followed by a checksum: a run that follows a stream claims one group after another.
/// An incomplete group was not durable, so none of its rows was sent. A group without keys records that the
/// run's ledger exists and contains the run; before that group, nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Identifies the run, in the caller's format.
    pub owner: String,
    /// The claimed keys, sorted.
    pub keys: Vec<Key>,
    /// Whether the run may have sent anything.
    pub is_begun: bool,
}

/// The format version that this code writes, and the only one that it reads.
const OPENING: &[u8] = b"batchpost claim 1\n";

/// The bytes are not a valid claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a run's claim, or one of another version")]
pub struct ClaimError;

impl Claim {
    /// The start of a claim: the opening and the owner.
    pub fn begin(owner: &str) -> Vec<u8> {
        let length = u32::try_from(owner.len()).expect("a path is shorter than 4 GiB");
        [OPENING, &length.to_le_bytes(), owner.as_bytes()].concat()
    }

    /// A group: the number of keys (4 bytes), the keys, a checksum of both (4). Numbers are little-endian.
    pub fn group(keys: &[Key]) -> Vec<u8> {
        let count = u32::try_from(keys.len()).expect("groups are bounded");
        let mut out = Vec::with_capacity(8 + 16 * keys.len());
        out.extend_from_slice(&count.to_le_bytes());
        keys.iter().for_each(|key| out.extend_from_slice(&key.to_bytes()));
        let sum = crc32fast::hash(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Parses a claim.
    ///
    /// # Errors
    ///
    /// If it does not start like a claim.
    pub fn read(bytes: &[u8]) -> Result<Self, ClaimError> {
        let rest = bytes.strip_prefix(OPENING).ok_or(ClaimError)?;
        let (length, rest) = rest.split_first_chunk().ok_or(ClaimError)?;
        let (owner, mut rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(ClaimError)?;
        let owner = std::str::from_utf8(owner).map_err(|_| ClaimError)?.to_owned();
        let (mut keys, mut is_begun) = (Vec::new(), false);
        while let Some(group) = Self::whole_group(&mut rest) {
            is_begun |= group.is_empty();
            keys.extend(group.chunks_exact(16).filter_map(|key| Some(Key::from_bytes(key.try_into().ok()?))));
        }
        keys.sort_unstable();
        Ok(Self { owner, keys, is_begun })
    }

    /// Whether the claim's start is incomplete: still being written, or cut off when its run died. No row of
    /// it was sent.
    pub fn is_unfinished(bytes: &[u8]) -> bool {
        let owner = || bytes.strip_prefix(OPENING).map(|rest| rest.split_first_chunk());
        let is_whole = |(length, rest): (&[u8; 4], &[u8])| rest.len() >= u32::from_le_bytes(*length) as usize;
        OPENING.starts_with(bytes) || owner().is_some_and(|owner| !owner.is_some_and(is_whole))
    }

    fn whole_group<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
        let count = u32::from_le_bytes(*rest.first_chunk()?) as usize;
        let end = count.checked_mul(16)?.checked_add(4)?;
        let (covered, after) = rest.split_at_checked(end)?;
        let (sum, after) = after.split_first_chunk()?;
        if crc32fast::hash(covered) != u32::from_le_bytes(*sum) {
            return None;
        }
        *rest = after;
        Some(&covered[4..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_cut_off_is_none_of_the_claim() {
        let key = |n| Key::from_bytes([n; 16]);
        let bytes = [Claim::begin("a ledger"), Claim::group(&[key(2), key(1)]), Claim::group(&[key(0)])].concat();
        let whole = Claim { owner: "a ledger".to_owned(), keys: vec![key(0), key(1), key(2)], is_begun: false };
        assert_eq!(Claim::read(&bytes).unwrap(), whole);
        let begun = [&bytes[..], &Claim::group(&[])].concat();
        assert_eq!(Claim::read(&begun).unwrap(), Claim { is_begun: true, ..whole });
        for cut in 1..=Claim::group(&[key(0)]).len() {
            assert_eq!(Claim::read(&bytes[..bytes.len() - cut]).unwrap().keys, [key(1), key(2)], "{cut}");
        }
        assert_eq!(Claim::read(b"something else"), Err(ClaimError));
    }

    #[test]
    fn what_is_cut_off_before_its_owners_end_is_unfinished_and_another_version_is_not() {
        let bytes = Claim::begin("a ledger");
        for cut in 0..bytes.len() {
            assert!(Claim::read(&bytes[..cut]).is_err() && Claim::is_unfinished(&bytes[..cut]), "{cut}");
        }
        for other in [&bytes[..], b"batchpost claim 9\n", b"something else", &[0; 100]] {
            assert!(!Claim::is_unfinished(other));
        }
    }
}
