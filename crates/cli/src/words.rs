//! Numbers, times and names as people read them, and as a shell does.

pub(crate) use batchpost_web::words::{count, proof, rounded, span, thousands};

/// The name of a file for a shell, quoted where it must be, and never an option.
pub(crate) fn shell_word(name: &str) -> String {
    if name.starts_with('-') { quoted(&format!("./{name}")) } else { quoted(name) }
}

/// A word for a shell, quoted where it must be.
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
