//! The caller of a run, for the ledger.

use std::env;

use super::platform::{host, user};
use crate::ledger::Caller;

/// Longer arguments are truncated: a template may be long, and the record is to show who did what.
const LONGEST_ARGUMENT_CHARS: usize = 1000;

/// A command line has more arguments only if a shell expanded the files of a folder.
const MOST_ARGUMENTS: usize = 200;

/// Options whose values are URLs, even if they do not look like one, such as `token@proxy`.
const URL_OPTIONS: [&str; 2] = ["--proxy", "--url"];

/// The caller of this process: user, host and command line.
pub fn caller() -> Caller {
    let command = env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    Caller { user: user(), host: host(), command: without_secrets(command) }
}

/// Masks a command line for the ledger. Options contain no secrets, but a URL may: that of the proxy, or one passed by
/// mistake.
fn without_secrets(command: impl Iterator<Item = String>) -> Vec<String> {
    let cut = |argument: String| match argument.char_indices().nth(LONGEST_ARGUMENT_CHARS) {
        Some((end, _)) => format!("{}...", &argument[..end]),
        None => argument,
    };
    let mut is_url = false;
    let masked = command.take(MOST_ARGUMENTS).map(|argument| {
        let next_is_url = !is_url && URL_OPTIONS.contains(&argument.as_str());
        let masked = if is_url { masked(&argument) } else { masked_argument(argument) };
        is_url = next_is_url;
        cut(masked)
    });
    masked.collect()
}

fn masked_argument(argument: String) -> String {
    let (option, value) = match argument.split_once('=') {
        Some((option, value)) if option.starts_with("--") => (Some(option), value),
        _ => (None, argument.as_str()),
    };
    // Any argument may contain a URL, and a proxy may be given without a scheme.
    let looks_like_one = value.contains("://") || (value.contains('@') && value.contains(':'));
    if !looks_like_one && !option.is_some_and(|option| URL_OPTIONS.contains(&option)) {
        return argument;
    }
    option.map_or_else(|| masked(value), |option| format!("{option}={}", masked(value)))
}

/// Masks the parts of a URL that may be secret: those before the host, and a query. `url` may also be an invalid URL.
pub fn masked(url: &str) -> String {
    let scheme = url.find("://").map_or(0, |end| end + "://".len());
    let (scheme, rest) = url.split_at(scheme);
    let (address, query) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    // A password may contain an unescaped `?` or `#`, so a part that contains an @ may belong to it.
    if query.contains('@') {
        return format!("{scheme}(hidden)");
    }
    let query = query.chars().next().map(|mark| format!("{mark}(hidden)")).unwrap_or_default();
    // The last one, because a password may contain a slash or an @.
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
    fn the_value_of_an_option_that_takes_a_url_is_masked_whatever_it_reads_like() {
        for (command, written) in [
            (&["--proxy", "s3cret@proxy", "me@home.csv"][..], &["--proxy", "(hidden)@proxy", "me@home.csv"][..]),
            (&["--proxy=s3cret@proxy", "me@home.csv"], &["--proxy=(hidden)@proxy", "me@home.csv"]),
            (&["--url", "host/x?key=s3cret"], &["--url", "host/x?(hidden)"]),
            (&["--url=host/x?key=s3cret"], &["--url=host/x?(hidden)"]),
            (&["--url", "--proxy", "notes?.csv"], &["--url", "--proxy", "notes?.csv"]),
        ] {
            assert_eq!(without_secrets(command.iter().copied().map(str::to_owned)), written);
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
