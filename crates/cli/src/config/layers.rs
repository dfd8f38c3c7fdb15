//! The layers of settings and their resolution: a higher layer overrides the same key in a lower one, and
//! shadows keys there that contradict it.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::bail;

use super::secrets::SecretSources;

/// The layers, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    TopLevel,
    Profile,
    Environment,
    Option,
}

/// The source of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SettingSource {
    pub(crate) rank: Rank,
    /// `batchpost.toml:3`, `BATCHPOST_LIMIT` or `--limit`.
    pub(crate) name: String,
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The values of one key in one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) values: Vec<String>,
    pub(crate) source: SettingSource,
}

impl Entry {
    fn is(&self, value: &str) -> bool {
        self.values.iter().any(|entry| entry == value)
    }
}

/// One layer: at most one entry for each key.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub(super) entries: BTreeMap<String, Entry>,
    /// The sources of the access keys.
    pub(super) secret_sources: SecretSources,
}

/// An entry that has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shadowed {
    pub(crate) key: String,
    pub(crate) entry: Entry,
    pub(crate) why: String,
}

/// The effective settings of all layers, without built-in defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResolvedConfig {
    /// The effective entries of a key; one whose values have names may have several, from several layers.
    pub(crate) entries: BTreeMap<String, Vec<Entry>>,
    pub(crate) shadowed: Vec<Shadowed>,
}

/// Pairs of keys of which only one can be effective.
const ALTERNATIVES: [(&str, &str); 7] = [
    ("url", "host"),
    ("url", "tenant"),
    ("sandbox", "host"),
    ("sandbox", "tenant"),
    ("sandbox", "url"),
    ("text_template", "text_template_file"),
    ("quiet", "verbose"),
];

/// Keys that do not apply to the sandbox.
const NOT_OF_THE_SANDBOX: [&str; 7] = ["proxy", "ca_file", "ledger", "history", "between", "time_zone", "no_wait"];

/// Keys that have an effect only together with another.
const DEPENDENT: [(&str, &str); 2] = [("time_zone", "between"), ("too_long", "max_text")];

/// Keys whose values have names, by which layers are merged.
const NAMED: [&str; 2] = ["column", "field"];

/// The name in a value of such a key.
fn subject(value: &str) -> &str {
    let name = value.split_once('=').map_or(value, |(name, _)| name);
    name.strip_suffix(':').unwrap_or(name).trim()
}

/// Whether this is a switch set to off, which contradicts nothing.
fn is_off(entry: &Entry) -> bool {
    entry.is("false") || entry.is("0")
}

/// Whether an entry of a higher layer shadows one of a lower layer.
fn shadows(higher: (&str, &Entry), lower: (&str, &Entry)) -> bool {
    let ((key, entry), (other, below)) = (higher, lower);
    if is_off(entry) || is_off(below) {
        return false;
    }
    let pair = |one: &str, another: &str| (key, other) == (one, another) || (key, other) == (another, one);
    ALTERNATIVES.iter().any(|(one, another)| pair(one, another))
        || (key == "sandbox" && NOT_OF_THE_SANDBOX.contains(&other))
        || (key == "limit" && entry.is("none") && other == "reserve")
        || (key == "column" && makes_text(other) && entry.values.iter().any(|value| subject(value) == "text"))
}

/// Whether two entries of one layer contradict each other.
fn contradict(one: (&str, &Entry), another: (&str, &Entry)) -> bool {
    let is_alternative = |(a, b): &(&str, &str)| (*a, *b) == (one.0, another.0) || (*b, *a) == (one.0, another.0);
    ALTERNATIVES.iter().any(is_alternative) && !is_off(one.1) && !is_off(another.1)
}

/// Whether a template builds the text. If so, text columns of lower layers are not used.
fn makes_text(key: &str) -> bool {
    ["text_template", "text_template_file"].contains(&key)
}

/// Resolves `layers`, of which the last is the highest.
///
/// # Errors
///
/// If two entries of one layer contradict each other, and no higher layer shadows either.
pub(super) fn resolved_config<'a>(
    layers: impl DoubleEndedIterator<Item = &'a Layer>,
) -> anyhow::Result<ResolvedConfig> {
    let mut resolved_config = ResolvedConfig::default();
    for layer in layers.rev() {
        // Entries of one layer do not shadow each other.
        let above = resolved_config.entries.clone();
        let counts_above =
            || above.iter().flat_map(|(key, entry)| entry.iter().map(move |entry| (key.as_str(), entry)));
        for (key, entry) in &layer.entries {
            let lower = (key.as_str(), entry);
            if let Some((by, higher)) = counts_above().find(|higher| shadows(*higher, lower)) {
                let why = format!("{by} overrides it ({})", higher.source);
                resolved_config.shadowed.push(Shadowed { key: key.clone(), entry: entry.clone(), why });
                continue;
            }
            match above.get(key) {
                None if !NAMED.contains(&key.as_str()) => {
                    resolved_config.entries.insert(key.clone(), vec![entry.clone()]);
                }
                Some(_) if !NAMED.contains(&key.as_str()) => {}
                higher => {
                    let taken: Vec<&str> = higher
                        .into_iter()
                        .flatten()
                        .flat_map(|entry| &entry.values)
                        .map(|value| subject(value))
                        .collect();
                    let no_text = key == "column" && above.keys().any(|key| makes_text(key));
                    let is_shadowed = |subject| taken.contains(&subject) || (no_text && subject == "text");
                    let values: Vec<String> =
                        entry.values.iter().filter(|value| !is_shadowed(subject(value))).cloned().collect();
                    if !values.is_empty() {
                        let entry = Entry { values, source: entry.source.clone() };
                        resolved_config.entries.entry(key.clone()).or_default().push(entry);
                    }
                }
            }
        }
        refuse_contradictions(layer, &resolved_config)?;
    }
    drop_idle(&mut resolved_config)?;
    Ok(resolved_config)
}

fn refuse_contradictions(layer: &Layer, resolved_config: &ResolvedConfig) -> anyhow::Result<()> {
    let counts = |key: &str, entry: &Entry| resolved_config.entries.get(key).is_some_and(|held| held.contains(entry));
    let counting: Vec<(&str, &Entry)> = layer
        .entries
        .iter()
        .map(|(key, entry)| (key.as_str(), entry))
        .filter(|(key, entry)| counts(key, entry))
        .collect();
    for (nth, one) in counting.iter().enumerate() {
        if let Some(another) = counting[nth + 1..].iter().find(|another| contradict(*one, **another)) {
            let ((key, entry), (other, also)) = (one, another);
            bail!("{}: {key} contradicts {other} ({}); leave one of them out", entry.source, also.source);
        }
    }
    Ok(())
}

/// Removes keys that have no effect without another. A file may have them for profiles or options that set
/// the other key; on the command line they are an error.
fn drop_idle(resolved_config: &mut ResolvedConfig) -> anyhow::Result<()> {
    for (key, of) in DEPENDENT {
        if resolved_config.entries.contains_key(of) {
            continue;
        }
        for entry in resolved_config.entries.remove(key).into_iter().flatten() {
            if entry.source.rank == Rank::Option {
                bail!("{} has no effect without {of}; set {of}, or leave it out", entry.source);
            }
            resolved_config.shadowed.push(Shadowed { key: key.to_owned(), entry, why: format!("{of} is not set") });
        }
    }
    Ok(())
}

impl ResolvedConfig {
    /// The effective entry of a key with one value.
    pub(super) fn one(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)?.first()
    }

    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.one(key)?.values.first().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a layer from `key=value` words; a key given twice has two values.
    fn layer(rank: Rank, words: &[&str]) -> Layer {
        let mut layer = Layer::default();
        for word in words {
            let (key, value) = word.split_once('=').unwrap();
            let source = SettingSource { rank, name: format!("{rank:?}") };
            let entry = layer.entries.entry(key.to_owned()).or_insert(Entry { values: Vec::new(), source });
            entry.values.push(value.to_owned());
        }
        layer
    }

    /// Resolves these layers, lowest first, and formats the effective settings.
    fn held(layers: [&[&str]; 4]) -> Result<String, String> {
        let ranks = [Rank::TopLevel, Rank::Profile, Rank::Environment, Rank::Option];
        let layers: Vec<Layer> = ranks.into_iter().zip(layers).map(|(rank, words)| layer(rank, words)).collect();
        let resolved_config = resolved_config(layers.iter()).map_err(|error| error.to_string())?;
        let words = resolved_config.entries.iter().flat_map(|(key, entry)| {
            entry.iter().flat_map(move |entry| entry.values.iter().map(move |value| format!("{key}={value}")))
        });
        Ok(words.collect::<Vec<_>>().join(" "))
    }

    #[track_caller]
    fn assert_held(layers: [&[&str]; 4], wanted: &str) {
        assert_eq!(held(layers).unwrap(), wanted);
    }

    #[test]
    fn a_higher_layer_goes_before_a_lower_one() {
        assert_held([&["limit=1/1s"], &["limit=2/1s"], &["limit=3/1s"], &["limit=4/1s"]], "limit=4/1s");
        assert_held([&["limit=1/1s"], &["limit=2/1s"], &["limit=3/1s"], &[]], "limit=3/1s");
        assert_held([&["limit=1/1s"], &["limit=2/1s", "limit=9/1d"], &[], &[]], "limit=2/1s limit=9/1d");
        assert_held([&["limit=1/1s"], &[], &[], &["marker=true"]], "limit=1/1s marker=true");
    }

    #[test]
    fn what_a_higher_layer_contradicts_is_silenced() {
        assert_held([&["url=u"], &["host=h", "tenant=1"], &[], &[]], "host=h tenant=1");
        assert_held([&["host=h", "tenant=1"], &[], &["url=u"], &[]], "url=u");
        assert_held([&["host=h"], &["tenant=1"], &[], &[]], "host=h tenant=1");
        assert_held([&["quiet=true"], &[], &[], &["verbose=2"]], "verbose=2");
        assert_held([&["text_template=t"], &[], &[], &["text_template_file=f"]], "text_template_file=f");
        assert_held([&["reserve=5", "limit=25/5s"], &[], &[], &["limit=none"]], "limit=none");
    }

    #[test]
    fn the_sandbox_silences_all_that_belongs_to_the_account() {
        let file = &["host=h", "tenant=1", "proxy=p", "ledger=l", "between=22:00-06:00", "time_zone=UTC", "limit=2/1s"];
        assert_held([file, &[], &[], &["sandbox=true"]], "limit=2/1s sandbox=true");
        assert_held([&["sandbox=true"], &["url=u"], &[], &[]], "url=u");
        assert_held([&["sandbox=true", "proxy=p"], &["sandbox=false"], &[], &[]], "proxy=p sandbox=false");
        assert_held([&["url=u"], &["sandbox=false"], &[], &[]], "sandbox=false url=u");
        assert_held([&["proxy=p"], &[], &[], &["sandbox=true", "ledger=l"]], "ledger=l sandbox=true");
    }

    #[test]
    fn two_words_of_one_layer_that_contradict_each_other_are_an_error_that_names_both() {
        let error = held([&["url=u", "host=h"], &[], &[], &[]]).unwrap_err();
        assert_eq!(error, "TopLevel: host contradicts url (TopLevel); leave one of them out");
        assert!(held([&[], &["sandbox=true", "url=u"], &[], &[]]).is_err());
        // No error if a higher layer resolves the contradiction.
        assert_held([&["url=u", "host=h", "tenant=1"], &[], &[], &["sandbox=true"]], "sandbox=true");
        assert_held([&["url=u", "host=h"], &["url=v"], &[], &[]], "url=v");
    }

    #[test]
    fn columns_and_fields_are_merged_name_by_name() {
        assert_held(
            [&["column=ticket=a", "column=text=b", "column=text=c"], &[], &[], &["column=text=d"]],
            "column=text=d column=ticket=a",
        );
        assert_held(
            [&["field=Source=a", "field=P:=1"], &["field=P:=2"], &["field=Q=x"], &[]],
            "field=Q=x field=P:=2 field=Source=a",
        );
        assert_held(
            [&["column=ticket=a", "column=text=b"], &[], &[], &["text_template=t"]],
            "column=ticket=a text_template=t",
        );
        assert_held([&["text_template=t"], &[], &[], &["column=text=b"]], "column=text=b");
        assert_held([&["text_template=t"], &[], &[], &["column=ticket=b"]], "column=ticket=b text_template=t");
    }

    #[test]
    fn what_is_of_no_use_without_another_key_waits_for_it_in_a_file_and_is_an_error_as_an_option() {
        assert_held([&["time_zone=UTC"], &[], &[], &[]], "");
        assert_held([&["time_zone=UTC"], &[], &[], &["between=1:00-2:00"]], "between=1:00-2:00 time_zone=UTC");
        let error = held([&[], &[], &[], &["time_zone=UTC"]]).unwrap_err();
        assert_eq!(error, "Option has no effect without between; set between, or leave it out");
    }
}
