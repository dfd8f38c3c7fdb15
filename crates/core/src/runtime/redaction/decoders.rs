//! Decoders for the encodings that servers use. Each accepts any bytes and takes time linear in their number.

use htmlize::Context;

use super::Byte;

/// Marks a gap where bytes were left out, so that no key is found across it.
pub(super) const BARRIER: u8 = 0xff;

/// Returns the layers decoded from `layer`, one for each encoding that occurs in it. Base64 and hex are decoded only if
/// `shortest` bytes of text result, because nearly any word is valid base64.
pub(super) fn decoded(layer: &[Byte], shortest: usize) -> Vec<Vec<Byte>> {
    let packed = packed(layer, &BASE64, shortest).chain(packed(layer, &HEX, shortest));
    unescaped(layer).chain(joined(layer)).chain(listed(layer, shortest)).chain(packed).collect()
}

/// Returns `layer` without blanks and line breaks, if one of them may be inside an escape.
fn joined(layer: &[Byte]) -> Option<Vec<Byte>> {
    let is_blank = |byte: &Byte| byte.value <= b' ';
    let is_escaped = layer.iter().any(|byte| matches!(byte.value, b'%' | b'&' | b'\\'));
    (is_escaped && layer.iter().any(is_blank)).then(|| layer.iter().filter(|byte| !is_blank(byte)).copied().collect())
}

/// Decodes lists of decimal numbers, as programs print buffers: `[104, 117]`, with line breaks anywhere.
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

/// Returns the layers in which single encoded characters of `layer` are decoded.
pub(super) fn unescaped(layer: &[Byte]) -> impl Iterator<Item = Vec<Byte>> {
    let decoders: [(u8, Decode); 3] = [(b'%', percent), (b'&', reference), (b'\\', escape)];
    decoders.into_iter().filter_map(|(mark, decode)| replaced(layer, mark, decode))
}

/// Decodes the start of a text. Returns the decoded bytes and the length of the escape.
type Decode = fn(&[Byte]) -> Option<(Vec<u8>, usize)>;

/// Returns `layer` with every escape that begins with `mark` decoded by `decode`; `None` if nothing changes.
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

/// Decodes escapes of URLs: `%24`, `%u0024`.
fn percent(text: &[Byte]) -> Option<(Vec<u8>, usize)> {
    match text.get(1)?.value {
        b'u' | b'U' => Some((utf8(number(text, 2, 4, 16)?), 6)),
        _ => Some((vec![u8::try_from(number(text, 1, 2, 16)?).ok()?], 3)),
    }
}

/// Decodes character references of HTML: `&dollar;`, `&#36;`, `&#x24;`, some without the semicolon.
fn reference(text: &[Byte]) -> Option<(Vec<u8>, usize)> {
    let is_named = |byte: &&Byte| byte.value.is_ascii_alphanumeric() || byte.value == b'#';
    let name = 1 + text[1..].iter().take_while(is_named).count();
    let length = name + usize::from(text.get(name).is_some_and(|byte| byte.value == b';'));
    let reference: Vec<u8> = text[..length].iter().map(|byte| byte.value).collect();
    let decoded = htmlize::unescape_bytes_in(&reference, Context::General).into_owned();
    (decoded != reference).then_some((decoded, length))
}

/// Decodes escapes of JSON, scripts and shells: `\u0024`, `\u{24}`, `\x24`, `\044`, `\"`.
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
        // Line ends and similar characters, which are ignored in comparisons.
        b'n' | b'r' | b't' | b'b' | b'f' | b'v' => return Some((Vec::new(), 2)),
        _ => (None, 0),
    };
    match code {
        Some(code) if length <= text.len() => Some((utf8(code), length)),
        _ => Some((vec![kind], 2)),
    }
}

/// Parses `count` digits from position `from` on.
fn number(text: &[Byte], from: usize, count: usize, radix: u32) -> Option<u32> {
    let digits = text.get(from..from + count)?;
    digits
        .iter()
        .try_fold(0u32, |number, byte| number.checked_mul(radix)?.checked_add(char::from(byte.value).to_digit(radix)?))
}

fn utf8(code: u32) -> Vec<u8> {
    // Half a surrogate pair is not a character, and no key has a character that needs a pair.
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER).to_string().into_bytes()
}

/// An encoding of whole texts by digits.
struct Packed {
    /// Bits per digit.
    bits: usize,
    /// Number of digits at which a byte may begin, because the right one is unknown.
    begins: usize,
    digit: fn(u8) -> Digit,
}

const BASE64: Packed = Packed { bits: 6, begins: 4, digit: base64_digit };
const HEX: Packed = Packed { bits: 4, begins: 2, digit: hex_digit };

/// The role of a character in a run of digits.
enum Digit {
    Value(u8),
    /// It may be between two digits.
    Between,
    None,
}

/// Digits of both alphabets, with line breaks anywhere.
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

/// Digits in either case, with separators between bytes.
fn hex_digit(value: u8) -> Digit {
    match value {
        b'0'..=b'9' => Digit::Value(value - b'0'),
        b'a'..=b'f' => Digit::Value(value - b'a' + 10),
        b'A'..=b'F' => Digit::Value(value - b'A' + 10),
        0..=b' ' | 0x7f | b':' | b'-' | b',' => Digit::Between,
        _ => Digit::None,
    }
}

/// Decodes runs of digits if the result is text: one layer for each digit at which a byte may begin.
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

/// Decodes digits to bytes, starting with the first digit.
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

/// Adds the parts of `bytes` that may be text, separated by barriers.
fn add_texts(bytes: &[Byte], shortest: usize, texts: &mut Vec<Byte>) {
    // NUL is included, for text with a NUL after each character.
    let is_text = |byte: &Byte| matches!(byte.value, 0 | b'\t' | b'\n' | b'\r' | b' '..=b'~');
    for stretch in bytes.split(|byte| !is_text(byte)).filter(|stretch| stretch.len() >= shortest) {
        texts.extend_from_slice(stretch);
        texts.push(Byte { value: BARRIER, ..stretch[0] });
    }
}
