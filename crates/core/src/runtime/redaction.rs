//! Removes keys from a server's answer before any part of it is quoted.
//!
//! A server can repeat a key unchanged or encoded, and encodings can be nested. The encoded forms cannot be listed, so
//! the answer is decoded instead: each [decoder](decoders) produces a new layer of the text, in which every byte has
//! its source position in the answer. A key that is found in a layer is cut out of the answer at that position. An
//! answer that cannot be searched completely, or that still contains a key afterwards, is not quoted at all.
//!
//! Keys are compared without case, and without blanks, control characters, `+` (a blank in URLs) and all characters
//! other than ASCII: an answer is quoted with other blanks than it has, and no header can carry a key with such
//! characters.

mod decoders;

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use secrecy::{ExposeSecret, SecretString};

use self::decoders::{BARRIER, decoded, unescaped};

/// Replaces a key, or an answer that cannot be searched.
const HIDDEN: &str = "[hidden]";

/// Maximum number of nested encodings that are decoded.
const MOST_LAYERS: usize = 4;

/// Maximum number of bytes decoded from one answer, each of which takes 12 bytes of memory. 64 KiB of HTML or JSON
/// without a key need up to half of it.
const MOST_DECODED_BYTES: usize = 3 << 20;

/// A decoded variant of a key that is shorter than this is not searched: it is not the key, and would be found
/// everywhere.
const SHORTEST_VARIANT: usize = 4;

/// A byte of a layer, and its source position in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Byte {
    value: u8,
    start: u32,
    end: u32,
}

/// The keys of a run, in the form in which they are compared.
#[derive(Clone)]
pub(crate) struct Redactor {
    keys: Vec<SecretString>,
    /// Length of the shortest key.
    shortest: usize,
}

impl Redactor {
    /// Creates a redactor for these keys.
    pub(crate) fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let mut folded = Vec::new();
        for key in keys {
            // A server that takes the key itself for encoded text repeats it decoded.
            let key = layer_of(key.as_bytes());
            folded.push(fold_layer(&key).0);
            let variants = unescaped(&key).map(|variant| fold_layer(&variant).0);
            folded.extend(variants.filter(|variant| variant.len() >= SHORTEST_VARIANT));
        }
        folded.sort();
        folded.dedup();
        let shortest = folded.iter().map(Vec::len).min().unwrap_or_default();
        // A folded key is ASCII, except for the barrier, which no key contains.
        let keys = folded.into_iter().filter_map(|key| String::from_utf8(key).ok()).map(SecretString::from).collect();
        Self { keys, shortest }
    }

    /// Returns `answer` without the keys; `None` if it does not contain any.
    pub(crate) fn redact(&self, answer: &[u8]) -> Option<Vec<u8>> {
        let cut = match self.find(answer) {
            Some(found) if found.is_empty() => return None,
            Some(found) => without(answer, found),
            None => return Some(HIDDEN.into()),
        };
        let is_clean = self.find(&cut).is_some_and(|found| found.is_empty());
        Some(if is_clean { cut } else { HIDDEN.into() })
    }

    /// Returns the positions of keys in `answer`; `None` if they cannot be determined.
    fn find(&self, answer: &[u8]) -> Option<Vec<Range<usize>>> {
        // A key of ignored characters only would be found everywhere. Positions are 32 bits wide.
        if self.shortest == 0 || u32::try_from(answer.len()).is_err() {
            return None;
        }
        let mut found = Vec::new();
        let mut bytes_left = MOST_DECODED_BYTES;
        let state = RandomState::new();
        let mut seen = HashSet::new();
        let mut layers = VecDeque::from([(layer_of(answer), 0)]);
        while let Some((layer, depth)) = layers.pop_front() {
            self.find_in(&layer, &mut found);
            if depth == MOST_LAYERS {
                continue;
            }
            for layer in decoded(&layer, self.shortest) {
                // Most decoders commute, so the same layer may result twice.
                if seen.insert(state.hash_one(&layer)) {
                    bytes_left = bytes_left.checked_sub(layer.len())?;
                    layers.push_back((layer, depth + 1));
                }
            }
        }
        Some(found)
    }

    fn find_in(&self, layer: &[Byte], found: &mut Vec<Range<usize>>) {
        let (folded, places) = fold_layer(layer);
        for key in &self.keys {
            let key = key.expose_secret().as_bytes();
            found.extend(memchr::memmem::find_iter(&folded, key).map(|at| {
                let (first, last) = (layer[places[at]], layer[places[at + key.len() - 1]]);
                first.start as usize..last.end as usize
            }));
        }
    }
}

/// The answer as the first layer.
fn layer_of(answer: &[u8]) -> Vec<Byte> {
    (0..).zip(answer).map(|(start, &value)| Byte { value, start, end: start + 1 }).collect()
}

/// Returns the value of a byte in comparisons; `None` if the byte is ignored.
fn fold(value: u8) -> Option<u8> {
    match value {
        b'+' => None,
        b'!'..=b'~' => Some(value.to_ascii_lowercase()),
        BARRIER => Some(BARRIER),
        _ => None,
    }
}

/// Returns the bytes of a layer that are compared, and their positions in it.
fn fold_layer(layer: &[Byte]) -> (Vec<u8>, Vec<usize>) {
    layer.iter().enumerate().filter_map(|(at, byte)| Some((fold(byte.value)?, at))).unzip()
}

/// Replaces these positions of `text`, which may overlap, by [`HIDDEN`].
fn without(text: &[u8], mut places: Vec<Range<usize>>) -> Vec<u8> {
    places.sort_by_key(|place| place.start);
    let mut clean = Vec::new();
    let mut rest = 0;
    for place in places {
        if place.start >= rest {
            clean.extend_from_slice(&text[rest..place.start]);
            clean.extend_from_slice(HIDDEN.as_bytes());
        }
        rest = rest.max(place.end);
    }
    clean.extend_from_slice(&text[rest..]);
    clean
}

#[cfg(test)]
mod tests;
