//! Findings about the connection to the API.

use std::time::Duration;

use super::{Check, Finding, Setting};

/// Reports whether a proxy is used. `variables` are the environment variables that name a proxy, `asked` is
/// whether one is configured.
pub fn proxy(variables: &[String], asked: bool, loopback: bool) -> Option<Finding> {
    let named = variables.join(", ");
    match (variables.is_empty(), asked) {
        (true, false) => None,
        (_, true) => Some(Finding::ok(Check::Proxy, "the configured one is used")),
        (false, false) if loopback => Some(Finding::ok(Check::Proxy, format!("none is used ({named} is set)"))),
        (false, false) => Some(
            Finding::warning(
                Check::Proxy,
                format!("none is used; {named} is set, but environment variables are ignored"),
                "set the proxy if this machine needs it",
            )
            .about(Setting::Proxy),
        ),
    }
}

/// Reports the addresses of a host name, or why it has none. `remedy` is the advice, which depends on where
/// the name came from.
pub fn name(host: &str, addresses: Result<&[String], String>, remedy: &str) -> Finding {
    match addresses {
        Ok([]) => Finding::problem(Check::Name, format!("{host} has no address"), remedy),
        Ok(addresses) => Finding::ok(Check::Name, format!("{host} is {}", addresses.join(", "))),
        Err(why) => Finding::problem(
            Check::Name,
            format!("{host} has no address: {why}"),
            format!("{remedy}; if no name has an address, check this machine's DNS"),
        ),
    }
}

/// Reports the time that a connection to `whom` took, or why it failed.
pub fn connection(whom: &str, made: Result<Duration, &std::io::Error>, proxy: bool) -> Finding {
    match made {
        Ok(took) => Finding::ok(Check::Connection, format!("to {whom} in {}", in_words(took))),
        Err(error) => {
            let problem = |advice| Finding::problem(Check::Connection, format!("none to {whom}: {error}"), advice);
            match error.kind() {
                std::io::ErrorKind::ConnectionRefused => problem("nothing listens there; check the host and the port"),
                _ if proxy => problem("check the proxy's URL").about(Setting::Proxy),
                _ => {
                    problem("check the host and firewalls; if this machine needs a proxy, set it").about(Setting::Proxy)
                }
            }
        }
    }
}

/// A successful TLS handshake with the right host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The version of TLS, if it is known.
    pub version: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Why a TLS handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsTrouble {
    /// The certificate is expired or not yet valid by this machine's clock.
    Time,
    /// The certificate is for another host.
    OtherHost,
    /// No trusted authority issued the certificate.
    Issuer,
    /// The peer does not speak TLS.
    NoTls,
    /// Anything else.
    Other,
}

/// Reports a handshake with `host`, or why it failed, with the error's text.
pub fn tls(host: &str, result: Result<&Handshake, (TlsTrouble, &str)>, ca_file: bool) -> Finding {
    let (trouble, why) = match result {
        Ok(Handshake { version, took }) => {
            let version = version.as_deref().unwrap_or("TLS");
            let found = format!("{version} with {host} in {}, its certificate is trusted", in_words(*took));
            return Finding::ok(Check::Tls, found);
        }
        Err(failed) => failed,
    };
    let advice = match trouble {
        TlsTrouble::Time => "check this machine's clock; if it is right, the server's certificate has expired",
        TlsTrouble::OtherHost => "check the host; the certificate is for another name",
        TlsTrouble::Issuer if ca_file => {
            "check that the file of trusted certificates contains the issuer of the server's certificate"
        }
        TlsTrouble::Issuer => {
            "do not post: another server replies in place of this host; if it is your own traffic-inspecting firewall, add its \
             certificate to the trusted ones"
        }
        TlsTrouble::NoTls => "check the port; the server does not use TLS there",
        TlsTrouble::Other => "check whether a firewall or proxy closes such connections",
    };
    let problem = Finding::problem(Check::Tls, format!("no TLS connection to {host}: {why}"), advice);
    if trouble == TlsTrouble::Issuer { problem.about(Setting::CaFile) } else { problem }
}

fn in_words(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level::{Ok as Well, Problem, Warning};

    #[test]
    fn a_proxy_of_the_environment_is_named_and_never_shown() {
        let set = ["https_proxy".to_owned()];
        assert_eq!(proxy(&[], false, false), None);
        assert_eq!(proxy(&set, true, false).unwrap().level, Well);
        assert_eq!(proxy(&set, false, true).unwrap().level, Well);
        let finding = proxy(&set, false, false).unwrap();
        assert!(finding.level == Warning && finding.found.contains("https_proxy is set"), "{finding:?}");
    }

    #[test]
    fn every_trouble_is_a_problem_with_something_to_do() {
        use TlsTrouble::{Issuer, NoTls, Other, OtherHost, Time};
        let advice = |trouble, ca_file| {
            let finding = tls("h", Err((trouble, "why")), ca_file);
            assert!(finding.level == Problem && finding.found.ends_with("h: why"), "{finding:?}");
            assert_eq!(finding.setting == Some(Setting::CaFile), trouble == Issuer, "{finding:?}");
            finding.advice.unwrap()
        };
        assert!(advice(Time, false).contains("clock"));
        assert!(advice(OtherHost, false).contains("the host"));
        assert!(advice(Issuer, false).contains("add its certificate") && advice(Issuer, true).contains("the issuer"));
        assert!(advice(NoTls, false).contains("port") && advice(Other, false).contains("firewall"));
    }

    #[test]
    fn a_name_without_an_address_says_where_it_was_had_from() {
        let none = Err("no such name".to_owned());
        assert!(name("h", none, "look at the URL").advice.unwrap().starts_with("look at the URL; "));
        assert_eq!(name("h", Ok(&["127.0.0.1".to_owned()]), "").found, "h is 127.0.0.1");
        assert_eq!(name("h", Ok(&[]), "").level, Problem);
    }
}
