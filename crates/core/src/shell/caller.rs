//! Who begins a run.

use std::env;

use super::platform::{host, user};
use crate::ledger::Caller;

/// Longer arguments are cut: a template may be long, and what is asked is who did what.
const LONGEST_ARGUMENT_CHARS: usize = 1000;

/// A command line has more arguments than this only where a shell spelled out a folder.
const MOST_ARGUMENTS: usize = 200;

/// This process: its user, its machine, its command line.
pub fn caller() -> Caller {
    let command = env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    Caller { user: user(), host: host(), command: without_secrets(command) }
}

/// A command line as it may be written down. Options hold no secrets, but a URL may: of the proxy, or one that was not
/// meant.
fn without_secrets(command: impl Iterator<Item = String>) -> Vec<String> {
    let cut = |argument: String| match argument.char_indices().nth(LONGEST_ARGUMENT_CHARS) {
        Some((end, _)) => format!("{}...", &argument[..end]),
        None => argument,
    };
    command.take(MOST_ARGUMENTS).map(|argument| cut(masked(&argument))).collect()
}

/// `argument` with the parts of URLs hidden that may be secret: what stands before the host, and a query.
fn masked(argument: &str) -> String {
    // A proxy is taken without a scheme too.
    let (before, url) = match argument.split_once("://") {
        Some((before, url)) => (format!("{before}://"), url),
        None if argument.contains('@') && argument.contains(':') => (String::new(), argument),
        None => return argument.to_owned(),
    };
    let query = url.find(['?', '#']).unwrap_or(url.len());
    let (url, rest) = url.split_at(query);
    let rest = if rest.is_empty() { String::new() } else { format!("{}(hidden)", &rest[..1]) };
    // The last one: a password may hold a slash or an @ that ought to have been escaped.
    match url.rfind('@') {
        Some(at) if before.is_empty() => {
            let option = url.find('=').filter(|_| url.starts_with("--")).map_or(0, |equals| equals + 1);
            format!("{}(hidden){}{rest}", &url[..option.min(at)], &url[at..])
        }
        Some(at) => format!("{before}(hidden){}{rest}", &url[at..]),
        None => format!("{before}{url}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_hidden_and_all_else_stays() {
        for (argument, written) in [
            ("--proxy", "--proxy"),
            ("http://anna:s3cret@proxy:3128", "http://(hidden)@proxy:3128"),
            ("--proxy=http://anna:s3/c@ret@proxy:3128/x", "--proxy=http://(hidden)@proxy:3128/x"),
            ("anna:s3cret@proxy:3128", "(hidden)@proxy:3128"),
            ("--proxy=anna:s3cret@proxy:3128", "--proxy=(hidden)@proxy:3128"),
            ("https://host/api/tenants/1?key=s3cret", "https://host/api/tenants/1?(hidden)"),
            ("https://host/x#s3cret", "https://host/x#(hidden)"),
            ("https://host/api/tenants/1/internalnote/upload", "https://host/api/tenants/1/internalnote/upload"),
            ("ticket=Ticket ID", "ticket=Ticket ID"),
            ("notes@home.csv", "notes@home.csv"),
        ] {
            assert_eq!(masked(argument), written);
        }
    }

    #[test]
    fn a_command_line_has_a_bound() {
        let long = without_secrets((0..1000).map(|_| "ü".repeat(5000)));
        assert_eq!(long.len(), MOST_ARGUMENTS);
        assert!(long.iter().all(|argument| argument.chars().count() == LONGEST_ARGUMENT_CHARS + 3));
    }
}
