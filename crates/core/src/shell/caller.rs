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
    command.take(MOST_ARGUMENTS).map(|argument| cut(masked_argument(argument))).collect()
}

fn masked_argument(argument: String) -> String {
    let option = argument.find('=').filter(|_| argument.starts_with("--")).map_or(0, |equals| equals + 1);
    let (option, value) = argument.split_at(option);
    // A proxy is taken without a scheme too.
    let is_url = value.contains("://") || (value.contains('@') && value.contains(':'));
    if is_url { format!("{option}{}", masked(value)) } else { argument }
}

/// `url`, or what was meant to be one, with the parts hidden that may be secret: what stands before the host, and a query.
pub fn masked(url: &str) -> String {
    let scheme = url.find("://").map_or(0, |end| end + "://".len());
    let (scheme, rest) = url.split_at(scheme);
    let (address, query) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    // What ends at an @ may be a password with a mark in it that ought to have been escaped: nothing is sure here.
    if query.contains('@') {
        return format!("{scheme}(hidden)");
    }
    let query = query.chars().next().map(|mark| format!("{mark}(hidden)")).unwrap_or_default();
    // The last one: a password may hold a slash or an @ likewise.
    match address.rfind('@') {
        Some(at) => format!("{scheme}(hidden){}{query}", &address[at..]),
        None => format!("{scheme}{address}{query}"),
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
            ("--proxy=anna:s3=cret@proxy:3128", "--proxy=(hidden)@proxy:3128"),
            ("http://anna:s3?c#ret@proxy:3128", "http://(hidden)"),
            ("https://host/api/tenants/1?key=s3cret", "https://host/api/tenants/1?(hidden)"),
            ("https://host/api/tenants/1?key=s3@cret", "https://(hidden)"),
            ("https://host/x#s3cret", "https://host/x#(hidden)"),
            ("https://host/api/tenants/1/internalnote/upload", "https://host/api/tenants/1/internalnote/upload"),
            ("ticket=Ticket ID", "ticket=Ticket ID"),
            ("notes@home.csv", "notes@home.csv"),
        ] {
            assert_eq!(masked_argument(argument.to_owned()), written);
        }
    }

    #[test]
    fn what_is_known_to_be_a_url_is_masked_without_a_scheme_too() {
        assert_eq!(masked("host/x?accessKey=s3cret"), "host/x?(hidden)");
        assert_eq!(masked("s3cret@proxy"), "(hidden)@proxy");
        assert_eq!(masked("api.example.com"), "api.example.com");
    }

    #[test]
    fn a_command_line_has_a_bound() {
        let long = without_secrets((0..1000).map(|_| "ü".repeat(5000)));
        assert_eq!(long.len(), MOST_ARGUMENTS);
        assert!(long.iter().all(|argument| argument.chars().count() == LONGEST_ARGUMENT_CHARS + 3));
    }
}
