//! Numbers, times and names for people, and words for shells.

pub(crate) use batchpost_web::words::{count, proof, rounded, span, thousands};

/// Quotes a file name for a shell if needed, and keeps it from being read as an option.
pub(crate) fn shell_word(name: &str) -> String {
    if name.starts_with('-') { quoted(&format!("./{name}")) } else { quoted(name) }
}

/// Quotes a word for a shell if needed.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_quoted_for_a_shell() {
        let names = ["notes.csv.ledger.jsonl", "my notes", "it's", "-x", "$(rm)"].map(shell_word);
        assert_eq!(names, ["notes.csv.ledger.jsonl", "'my notes'", r"'it'\''s'", "./-x", "'$(rm)'"]);
    }
}
