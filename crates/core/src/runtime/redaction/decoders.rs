//! What servers encode texts with, turned back. Every decoder takes any bytes, in time linear in their number.

use htmlize::Context;

use super::Byte;

/// Stands where bytes were left out, so that no key is found across.
pub(super) const BARRIER: u8 = 0xff;

/// The layers below `layer`, of each encoding of which there is something in it. Base64 and hex are turned back only where
/// `shortest` bytes of text come out: nearly any word is base64 of something.
pub(super) fn decoded(layer: &[Byte], shortest: usize) -> Vec<Vec<Byte>> {
    let packed = packed(layer, &BASE64, shortest).chain(packed(layer, &HEX, shortest));
    unescaped(layer).chain(joined(layer)).chain(listed(layer, shortest)).chain(packed).collect()
}

/// `layer` without blanks and line breaks, where one may be within what stands for a character.
fn joined(layer: &[Byte]) -> Option<Vec<Byte>> {
    let is_blank = |byte: &Byte| byte.value <= b' ';
    let is_escaped = layer.iter().any(|byte| matches!(byte.value, b'%' | b'&' | b'\\'));
    (is_escaped && layer.iter().any(is_blank)).then(|| layer.iter().filter(|byte| !is_blank(byte)).copied().collect())
}

/// The bytes that lists of decimal numbers stand for, as programs print buffers: `[104, 117]`, with line breaks wherever.
fn listed(layer: &[Byte], shortest: usize) -> Option<Vec<Byte>> {
    let layer: Vec<Byte> = layer.iter().filter(|byte| byte.value >= b' ').copied().collect();
    let (mut list, mut texts) = (Vec::new(), Vec::new());
    for token in layer.chunk_by(|byte, next| byte.value.is_ascii_digit() == next.value.is_ascii_digit()) {
        let digit = |byte: &Byte| byte.value.checked_sub(b'0').filter(|digit| *digit < 10);
        let number = token.iter().try_fold(0u8, |number, byte| number.checked_mul(10)?.checked_add(digit(byte)?));
        if let Some(value) = number {
            list.push(Byte { value, start: token[0].start, end: token[token.len() - 1].end });
        } else if !token.iter().all(|byte| matches!(byte.value, b' ' | b'+' | b',' | b';')) {
            add_texts(&std::mem::take(&mut list), shortest, &mut texts);
        }
    }
    add_texts(&list, shortest, &mut texts);
    (!texts.is_empty()).then_some(texts)
}

/// The layers of which single characters are encoded in `layer`.
pub(super) fn unescaped(layer: &[Byte]) -> impl Iterator<Item = Vec<Byte>> {
    let decoders: [(u8, Decode); 3] = [(b'%', percent), (b'&', reference), (b'\\', escape)];
    decoders.into_iter().filter_map(|(mark, decode)| replaced(layer, mark, decode))
}

/// What the first bytes of a text stand for, and how many they are.
type Decode = fn(&[Byte]) -> Option<(Vec<u8>, usize)>;

/// `layer` with what `decode` makes of the bytes that begin with `mark`, and of how many; none where it makes nothing.
fn replaced(layer: &[Byte], mark: u8, decode: Decode) -> Option<Vec<Byte>> {
    let mut out = Vec::new();
    let mut rest = 0;
    while let Some(found) = layer[rest..].iter().position(|byte| byte.value == mark) {
        out.extend_from_slice(&layer[rest..rest + found]);
        rest += found;
        let length = match decode(&layer[rest..]) {
            Some((values, length)) => {
                let (start, end) = (layer[rest].start, layer[rest + length - 1].end);
                out.extend(values.into_iter().map(|value| Byte { value, start, end }));
                length
            }
            None => {
                out.push(layer[rest]);
                1
            }
        };
        rest += length;
    }
    out.extend_from_slice(&layer[rest..]);
    (out != layer).then_some(out)
}

/// Of URLs: `%24`, `%u0024`.
fn percent(text: &[Byte]) -> Option<(Vec<u8>, usize)> {
    match text.get(1)?.value {
        b'u' | b'U' => Some((utf8(number(text, 2, 4, 16)?), 6)),
        _ => Some((vec![u8::try_from(number(text, 1, 2, 16)?).ok()?], 3)),
    }
}

/// Of HTML: `&dollar;`, `&#36;`, `&#x24;`, some without the semicolon.
fn reference(text: &[Byte]) -> Option<(Vec<u8>, usize)> {
    let is_named = |byte: &&Byte| byte.value.is_ascii_alphanumeric() || byte.value == b'#';
    let name = 1 + text[1..].iter().take_while(is_named).count();
    let length = name + usize::from(text.get(name).is_some_and(|byte| byte.value == b';'));
    let reference: Vec<u8> = text[..length].iter().map(|byte| byte.value).collect();
    let decoded = htmlize::unescape_bytes_in(&reference, Context::General).into_owned();
    (decoded != reference).then_some((decoded, length))
}

/// Of JSON, scripts and shells: `\u0024`, `\u{24}`, `\x24`, `\044`, `\"`.
fn escape(text: &[Byte]) -> Option<(Vec<u8>, usize)> {
    let kind = text.get(1)?.value;
    let octal = || text[1..].iter().take(3).take_while(|byte| (b'0'..=b'7').contains(&byte.value)).count();
    let (code, length) = match kind {
        b'u' if text.get(2).is_some_and(|byte| byte.value == b'{') => {
            let digits = text[3..].iter().take_while(|byte| byte.value.is_ascii_hexdigit()).count();
            (number(text, 3, digits, 16), 3 + digits + 1)
        }
        b'u' => (number(text, 2, 4, 16), 6),
        b'x' => (number(text, 2, 2, 16), 4),
        b'0'..=b'7' => (number(text, 1, octal(), 8), 1 + octal()),
        // Line ends and the like, which do not count.
        b'n' | b'r' | b't' | b'b' | b'f' | b'v' => return Some((Vec::new(), 2)),
        _ => (None, 0),
    };
    match code {
        Some(code) if length <= text.len() => Some((utf8(code), length)),
        _ => Some((vec![kind], 2)),
    }
}

/// The number that `count` digits from the one at `from` on make.
fn number(text: &[Byte], from: usize, count: usize, radix: u32) -> Option<u32> {
    let digits = text.get(from..from + count)?;
    digits
        .iter()
        .try_fold(0u32, |number, byte| number.checked_mul(radix)?.checked_add(char::from(byte.value).to_digit(radix)?))
}

fn utf8(code: u32) -> Vec<u8> {
    // Half of a pair is no character; no key has one that needs a pair.
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER).to_string().into_bytes()
}

/// An encoding of whole texts by digits.
struct Packed {
    /// Of a digit.
    bits: usize,
    /// Where in a run of digits a byte begins is not known: with one of so many of them.
    begins: usize,
    digit: fn(u8) -> Digit,
}

const BASE64: Packed = Packed { bits: 6, begins: 4, digit: base64_digit };
const HEX: Packed = Packed { bits: 4, begins: 2, digit: hex_digit };

/// What a character is in a run of digits.
enum Digit {
    Value(u8),
    /// It may stand between two of them.
    Between,
    None,
}

/// Of both alphabets, with line breaks wherever.
fn base64_digit(value: u8) -> Digit {
    match value {
        b'A'..=b'Z' => Digit::Value(value - b'A'),
        b'a'..=b'z' => Digit::Value(value - b'a' + 26),
        b'0'..=b'9' => Digit::Value(value - b'0' + 52),
        b'+' | b'-' => Digit::Value(62),
        b'/' | b'_' => Digit::Value(63),
        0..=b' ' | 0x7f => Digit::Between,
        _ => Digit::None,
    }
}

/// In either case, with what is put between bytes.
fn hex_digit(value: u8) -> Digit {
    match value {
        b'0'..=b'9' => Digit::Value(value - b'0'),
        b'a'..=b'f' => Digit::Value(value - b'a' + 10),
        b'A'..=b'F' => Digit::Value(value - b'A' + 10),
        0..=b' ' | 0x7f | b':' | b'-' | b',' => Digit::Between,
        _ => Digit::None,
    }
}

/// The bytes that runs of digits stand for, where they are text: a layer for each digit that a byte may begin with.
fn packed(layer: &[Byte], encoding: &Packed, shortest: usize) -> impl Iterator<Item = Vec<Byte>> {
    let Packed { bits, begins, digit } = *encoding;
    let mut runs: Vec<Vec<Byte>> = vec![Vec::new()];
    for byte in layer {
        match (digit(byte.value), runs.last_mut()) {
            (Digit::Value(value), Some(run)) => run.push(Byte { value, ..*byte }),
            (Digit::None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs.retain(|run| run.len() * bits / 8 >= shortest);
    let layers = (0..begins).map(move |first| {
        let mut texts = Vec::new();
        for run in &runs {
            add_texts(&unpacked(&run[first.min(run.len())..], bits), shortest, &mut texts);
        }
        texts
    });
    layers.filter(|layer| !layer.is_empty())
}

/// The bytes that these digits are, from the first on.
fn unpacked(digits: &[Byte], bits: usize) -> Vec<Byte> {
    let bytes = digits.len() * bits / 8;
    let unpack = |at: usize| {
        let (first, last) = (at * 8 / bits, (at * 8 + 7) / bits);
        let digits = &digits[first..=last];
        let all = digits.iter().fold(0u32, |all, digit| all << bits | u32::from(digit.value));
        let after = digits.len() * bits - (at * 8 - first * bits) - 8;
        let value = u8::try_from(all >> after & 0xff).expect("no more than a byte is left");
        Byte { value, start: digits[0].start, end: digits[digits.len() - 1].end }
    };
    (0..bytes).map(unpack).collect()
}

/// Adds the stretches of `bytes` that may be text, with barriers between them.
fn add_texts(bytes: &[Byte], shortest: usize, texts: &mut Vec<Byte>) {
    // With a NUL after each character too.
    let is_text = |byte: &Byte| matches!(byte.value, 0 | b'\t' | b'\n' | b'\r' | b' '..=b'~');
    for stretch in bytes.split(|byte| !is_text(byte)).filter(|stretch| stretch.len() >= shortest) {
        texts.extend_from_slice(stretch);
        texts.push(Byte { value: BARRIER, ..stretch[0] });
    }
}
