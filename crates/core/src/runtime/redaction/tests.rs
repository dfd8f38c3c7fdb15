use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

fn redacted(keys: &[&str], answer: &str) -> Option<String> {
    let redacted = Redactor::new(keys.iter().copied()).redact(answer.as_bytes());
    redacted.map(|redacted| String::from_utf8(redacted).unwrap())
}

#[test]
fn keys_are_cut_out_and_the_rest_is_kept() {
    let keys = ["AK-1", "SK-2"];
    let wanted = "no user [hidden] with [hidden]/[hidden]";
    assert_eq!(redacted(&keys, "no user AK-1 with AK-1/SK-2").unwrap(), wanted);
    assert_eq!(redacted(&keys, "no user ak-1 with A\nK-1/S K-2").unwrap(), wanted);
    assert_eq!(redacted(&keys, "all well"), None);
    // One key inside another, and two keys that overlap.
    assert_eq!(redacted(&["abcd", "bc"], "xabcdx bc").unwrap(), "x[hidden]x [hidden]");
    assert_eq!(redacted(&["abcd", "cdef"], "xabcdefx").unwrap(), "x[hidden]x");
}

#[test]
fn a_key_is_cut_out_of_each_encoding() {
    let key = "p$r&m%41rose\"x/";
    for (answer, wanted) in [
        ("?key=p%24r%26m%2541rose%22x%2f&b=1", "?key=[hidden]&b=1"),
        ("?key=p%2524r%2526m%252541rose%2522x%252F.", "?key=[hidden]."),
        ("?key=p%u0024r%u0026m%u002541rose%u0022x/.", "?key=[hidden]."),
        ("<b>p&dollar;r&amp;m&percnt;41rose&quot;x&sol;</b>", "<b>[hidden]</b>"),
        ("<b>p&#36;r&#x26;m&#0037;41rose&QUOTx/</b>", "<b>[hidden]</b>"),
        ("<b>p&amp;dollar;r&amp;amp;m&amp;percnt;41rose&amp;quot;x/</b>", "<b>[hidden]</b>"),
        (r#"{"a":"p\u0024r&m%41rose\"x\/"}"#, r#"{"a":"[hidden]"}"#),
        (r#"{"a":"{\"b\":\"p\\u0024r\u0026m%41rose\\\"x/\"}"}"#, r#"{"a":"{\"b\":\"[hidden]\"}"}"#),
        (r"p\x24r\46m\u{25}41rose\x22x/", "[hidden]"),
        ("key cCRyJm0lNDFyb3NlIngv.", "key [hidden]."),
        ("key cCRyJm0l\n NDFyb3Nl\r\nIngv.", "key [hidden]."),
        ("key 70:24:72:26:6d:25:34:31:72:6F:73:65:22:78:2F.", "key [hidden]."),
        // A server that decoded its input before repeating it.
        ("no user p$r&mArose\"x/", "no user [hidden]"),
        // A value encoded by two servers in turn.
        ("p%26dollar%3Br&amp;m%2541rose&quot;x/", "[hidden]"),
    ] {
        assert_eq!(redacted(&[key], answer).as_deref(), Some(wanted), "{answer}");
    }
}

#[test]
fn json_is_json_without_a_key_too() {
    let key = "A\"K$1";
    for answer in [r#"{"a":["no A\"K$1"]}"#, r#"{"a":["no \u0041\u0022K\u00241"]}"#] {
        assert_eq!(redacted(&[key], answer).unwrap(), r#"{"a":["no [hidden]"]}"#);
    }
    assert_eq!(redacted(&[key], r#"cut short: "no A\"K$1"#).unwrap(), r#"cut short: "no [hidden]"#);
    assert_eq!(redacted(&[key], r#"{"a":["no A","K$1"],"n":2}"#), None);
}

#[test]
fn a_key_with_backslashes_is_found_however_deep_it_is_quoted() {
    let key = r"aB3/dE6+gH9'kL\q";
    for answer in [
        r#"<pre>{"secretKey":"aB3\/dE6+gH9'kL\\q"}</pre>"#,
        r#"{"secretKey":"aB3/dE6\u002BgH9\u0027kL\\q"} and more"#,
        r#"{"ExceptionMessage":"{\"secretKey\":\"aB3\\/dE6\\u002bgH9'kL\\\\q\"}"}"#,
        r#"{"ExceptionMessage":"in \"{\\\"key\\\":\\\"aB3\\\\/dE6+gH9'kL\\\\\\\\q\\\"}\""}"#,
        r"'aB3\x2FdE6+gH9\'kL\\q'",
        r"aB3/dE6+gH9'kL\q\",
    ] {
        let redacted = redacted(&[key], answer).unwrap();
        assert!(redacted.contains(HIDDEN) && !redacted.contains("gH9"), "{redacted}");
    }
    assert_eq!(redacted(&[key], r#"{"ExceptionMessage":"no ticket \"7\" \u00e9\\ \u"}"#), None);
}

#[test]
fn what_holds_no_key_is_quoted_as_it_is() {
    let keys = ["AKxy$z{Q}7", "SK\"quote'7 \\z"];
    for other in ["AKxy%24z%7bQ", "100 % of Q&A &amp; more", "%", "&", "\\", "%4", "\\u{", "\\u{}", "&#;", ""] {
        assert_eq!(redacted(&keys, other), None, "{other}");
    }
}

#[test]
fn what_cannot_be_searched_is_not_quoted() {
    assert_eq!(redacted(&["+", "secret"], "1+1").unwrap(), HIDDEN, "such a key is everywhere");
    assert_eq!(redacted(&["hidden", "e"], "well hidden").unwrap(), HIDDEN, "it is in what would be put for it");
    // Each decoding gives a different text.
    let endless = |n: usize| "%25&amp;\\u005c%26amp;&bsol;u0025&percnt;5cx26 ".repeat(n);
    assert_eq!(redacted(&["secret"], &endless(9)), None);
    assert_eq!(redacted(&["secret"], &endless(20_000)).unwrap(), HIDDEN, "it would take too long");
    assert_eq!(redacted(&["secret"], &"<p class=\"a\">Q&amp;A 100&nbsp;%20 \\n ".repeat(2000)), None, "64 KiB of HTML");
}

type Encoder = (&'static str, fn(&str) -> String);

fn each(text: &str, encode: impl Fn(char) -> String) -> String {
    text.chars().map(encode).collect()
}

fn named(c: char) -> String {
    #[rustfmt::skip]
    const NAMES: [(char, &str); 27] = [
        ('!', "excl"), ('"', "quot"), ('#', "num"), ('$', "dollar"), ('%', "percnt"), ('&', "amp"), ('\'', "apos"),
        ('(', "lpar"), (')', "rpar"), ('*', "ast"), ('+', "plus"), (',', "comma"), ('.', "period"), ('/', "sol"),
        (':', "colon"), (';', "semi"), ('<', "lt"), ('=', "equals"), ('>', "gt"), ('?', "quest"), ('@', "commat"),
        ('[', "lsqb"), ('\\', "bsol"), (']', "rsqb"), ('{', "lcub"), ('|', "vert"), ('}', "rcub"),
    ];
    NAMES.iter().find(|(named, _)| *named == c).map_or(c.to_string(), |(_, name)| format!("&{name};"))
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn wrapped(text: &str, every: usize, with: &str) -> String {
    let bytes: Vec<&str> = text.split_inclusive(|_| true).collect();
    bytes.chunks(every).map(<[&str]>::concat).collect::<Vec<_>>().join(with)
}

#[rustfmt::skip]
const ENCODERS: [Encoder; 23] = [
    ("literal", str::to_owned),
    ("percent", |text| each(text, |c| if c.is_ascii_alphanumeric() { c.into() } else { format!("%{:02X}", c as u32) })),
    ("percent, all", |text| each(text, |c| format!("%{:02x}", c as u32))),
    ("form", |text| url::form_urlencoded::byte_serialize(text.as_bytes()).collect()),
    ("HTML, named", |text| each(text, named)),
    ("HTML, decimal", |text| each(text, |c| format!("&#{};", c as u32))),
    ("HTML, hex", |text| each(text, |c| format!("&#x{:X};", c as u32))),
    ("JSON", |text| serde_json::to_string(text).unwrap()),
    ("JSON, all", |text| each(text, |c| format!("\\u{:04x}", c as u32))),
    ("JSON, half", |text| {
        let odd = |c: char| c as u32 % 2 == 1 || "\\\"".contains(c);
        each(text, |c| if odd(c) { format!("\\u{:04X}", c as u32) } else { c.into() })
    }),
    ("script", |text| each(text, |c| format!("\\x{:02x}", c as u32))),
    ("base64", |text| STANDARD.encode(text)),
    ("base64, second place", |text| STANDARD_NO_PAD.encode(format!(":{text}:"))),
    ("base64, third place", |text| STANDARD.encode(format!("a:{text} "))),
    ("base64, URLs", |text| URL_SAFE_NO_PAD.encode(text)),
    ("base64, URLs, second place", |text| URL_SAFE.encode(format!(":{text}"))),
    ("base64, URLs, third place", |text| URL_SAFE.encode(format!("~~{text}~"))),
    ("base64, in lines", |text| wrapped(&STANDARD.encode(text), 7, "\r\n")),
    ("hex", hex),
    ("hex, upper case", |text| hex(text).to_uppercase()),
    ("hex, second place", |text| format!("f{}", hex(text))),
    ("numbers", |text| format!("[{}]", wrapped_numbers(text))),
    ("in lines", |text| wrapped(text, 5, "\n")),
];

fn wrapped_numbers(text: &str) -> String {
    text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ")
}

/// All texts that a reader can decode from `text` with the listed encodings, implemented independently of the
/// redactor.
fn readings(text: &str) -> Vec<String> {
    let digits = |is_digit: fn(char) -> bool, text: &str| -> Vec<String> {
        let text: String = text.split_whitespace().collect();
        let runs = text.split(move |c| !is_digit(c)).filter(|run| run.len() > 8);
        runs.flat_map(|run| (0..4).map(|first| run[first..].to_owned())).collect()
    };
    let base64 = digits(|c| c.is_ascii_alphanumeric() || "+/-_".contains(c), text);
    let base64 = base64.iter().map(|run| {
        let run = run.replace('-', "+").replace('_', "/");
        STANDARD_NO_PAD.decode(&run[..run.len() / 4 * 4]).unwrap()
    });
    let hex = digits(|c| c.is_ascii_hexdigit(), text);
    let hex = hex.iter().map(|run| {
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        run.as_bytes().chunks_exact(2).map(byte).collect()
    });
    let numbers = text.split(|c: char| !c.is_ascii_digit() && !", ".contains(c));
    let numbers = numbers.map(|list| list.split(", ").filter_map(|number| number.parse().ok()).collect());
    let packed: Vec<String> =
        base64.chain(hex).chain(numbers).map(|bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into()).collect();
    let from_url: Vec<(String, String)> =
        url::form_urlencoded::parse(text.replace('=', "%3D").replace("&", "%26").as_bytes()).into_owned().collect();
    let quoted = text.replace('"', "\\\"").replace("\\\\\"", "\\\"").replace(['\r', '\n'], "").replace("\\x", "\\u00");
    let from_json = serde_json::from_str(&format!("\"{quoted}\"")).unwrap_or_default();
    let mut readings =
        vec![from_json, htmlize::unescape(text).into(), packed.join("\n"), text.replace(['\r', '\n'], "")];
    readings.extend(from_url.into_iter().map(|(name, _)| name));
    readings
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_encoding_and_no_two_leave_a_key_readable(
        parts in prop::collection::vec("[!-~]{1,6}|%[0-9A-F]{2}|&(lt|#36|dollar);|\\\\(u0041|n|x41)|[$&%+/='\"\\\\]", 8..14),
        others in prop::collection::vec(0..ENCODERS.len(), ENCODERS.len()),
        before in "[a-z]{0,4}",
    ) {
        let key = parts.concat();
        let redactor = Redactor::new([&*key]);
        let half = key.len() / 2;
        for ((first, encode), other) in ENCODERS.iter().zip(others) {
            let (second, encode_again) = ENCODERS[other];
            for (encoded, is_one) in [(encode(&key), true), (encode_again(&encode(&key)), false)] {
                let answer = format!("Refused {before} {encoded} (end)");
                let redacted = redactor.redact(answer.as_bytes());
                prop_assert!(redacted.is_some(), "{first}, {second}: {key} in {answer}");
                let redacted = String::from_utf8(redacted.unwrap()).unwrap();
                // The letters before base64 may be part of it, depending on where its groups of four begin.
                prop_assert!(!is_one || redacted.starts_with("Refus") && redacted.ends_with(" (end)"), "{redacted}");
                let once = readings(&redacted);
                let twice = once.iter().flat_map(|text| readings(text));
                for reading in twice.chain(once.iter().cloned()).chain([redacted.clone()]) {
                    let mut parts = (0..=key.len() - half).map(|at| &key[at..at + half]);
                    prop_assert!(!parts.any(|part| reading.contains(part)), "{first}, {second}: {key} by {redacted}: {reading}");
                }
            }
        }
    }

    #[test]
    fn any_answer_is_searched_to_its_end(
        answer in "([%&\\\\]|[a-f0-9]{2}|u00|#x?|;|amp|[A-Za-z+/=_-]{4}|secret|\u{e9}|\n)*",
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let redactor = Redactor::new(["secret", "k%41&lt;"]);
        for answer in [answer.as_bytes(), &bytes] {
            if let Some(redacted) = redactor.redact(answer) {
                prop_assert!(redacted == HIDDEN.as_bytes() || redactor.redact(&redacted).is_none());
            }
        }
    }
}
