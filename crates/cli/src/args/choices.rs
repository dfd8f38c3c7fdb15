//! Options whose values are words for the variants of an enum of the library.

use batchpost::input::TooLong;
use batchpost::ledger::Decision;
use batchpost::settings::{InDoubt, On500, OnChanged, OnDuplicate, OnKnown, Sharing, Spread};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// Each value with its word and its help text, which may be empty.
type Words<T> = &'static [(&'static str, &'static str, T)];

/// A library enum that an option accepts.
pub(super) trait Choice: Copy + PartialEq + Send + Sync + 'static {
    /// The values that can be chosen.
    const WORDS: Words<Self>;
}

/// A parser of these words that lists them for help and shell completion. A hyphen in a word may also be
/// typed as an underscore.
pub(super) fn one_of<T: Choice>() -> impl TypedValueParser<Value = T> {
    let words = T::WORDS.iter().map(|(word, help, _)| {
        let value = PossibleValue::new(*word).alias(word.replace('-', "_"));
        if help.is_empty() { value } else { value.help(*help) }
    });
    PossibleValuesParser::new(words).map(|typed| {
        let mut words = T::WORDS.iter();
        let found = words.find(|(word, ..)| *word == typed || word.replace('-', "_") == typed);
        found.expect("clap lets no other word through").2
    })
}

/// The word for a value. It keeps an option's default equal to the library's.
pub(super) fn word<T: Choice>(value: T) -> &'static str {
    let found = T::WORDS.iter().find(|(.., known)| *known == value);
    found.expect("the default of an option can be asked for").0
}

impl Choice for TooLong {
    const WORDS: Words<Self> = &[("reject", "", Self::Reject), ("truncate", "", Self::Truncate)];
}

impl Choice for OnDuplicate {
    const WORDS: Words<Self> = &[("post", "", Self::Post), ("skip", "", Self::Skip)];
}

impl Choice for OnChanged {
    const WORDS: Words<Self> = &[("hold", "", Self::Hold), ("post", "", Self::Post)];
}

/// Refusing is the default and has no word.
impl Choice for OnKnown {
    const WORDS: Words<Self> = &[("skip", "", Self::Skip), ("post", "", Self::Post)];
}

impl Choice for InDoubt {
    const WORDS: Words<Self> = &[("hold", "", Self::Hold), ("retry", "", Self::Retry)];
}

impl Choice for On500 {
    const WORDS: Words<Self> = &[("retry", "", Self::Retry), ("hold", "", Self::Hold)];
}

impl Choice for Sharing {
    const WORDS: Words<Self> = &[("shared", "", Self::Shared), ("private", "", Self::Private)];
}

impl Choice for Spread {
    const WORDS: Words<Self> =
        &[("full", "Use the whole window at once", Self::Burst), ("even", "Space them evenly", Self::Even)];
}

/// `--undo` is a separate option.
impl Choice for Decision {
    const WORDS: Words<Self> = &[
        ("posted", "The note exists", Self::Posted),
        ("to-do", "Send it, or send it again", Self::ToDo),
        ("waived", "It is not needed", Self::Waived),
    ];
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    fn typed<T: Choice>(word: &str) -> Option<T> {
        let command = Command::new("x").no_binary_name(true).arg(Arg::new("value").value_parser(one_of::<T>()));
        command.try_get_matches_from([word]).ok()?.get_one("value").copied()
    }

    #[test]
    fn each_word_means_its_value_with_a_hyphen_or_an_underscore() {
        assert_eq!(["full", "even"].map(typed), [Some(Spread::Burst), Some(Spread::Even)]);
        assert_eq!(["to-do", "to_do"].map(typed), [Some(Decision::ToDo); 2]);
        assert_eq!((typed::<Decision>("undone"), typed::<OnKnown>("refuse")), (None, None), "asked for otherwise");
        assert_eq!([word(On500::default()), word(InDoubt::default())], ["retry", "hold"]);
    }
}
