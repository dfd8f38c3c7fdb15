//! Faults, and the requests that they apply to.

use std::fmt;
use std::str::FromStr;

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// A way for a request to fail. Its name in text is like `500-created`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault {
            $(#[doc = concat!("`", $name, "`:")] $(#[doc = $doc])+ $variant,)+
        }

        impl Fault {
            /// All faults.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in text.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// A short description.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

faults! {
    /// the server failed, by the API's error body; nothing created.
    ServerError = "500",
    /// 500 whose exception blames the request; nothing created.
    ServerErrorInvalid = "500-invalid",
    /// the note is created, then the server fails.
    ServerErrorCreated = "500-created",
    /// the reply reports the limit as exceeded, although it was not.
    Limited = "429",
    /// the reply reports the limit as exceeded, with a Retry-After in seconds.
    LimitedRetryAfter = "429-retry-after",
    /// the reply reports the limit as exceeded, with a Retry-After that is a date, and a Date.
    LimitedDate = "429-date",
    /// the limit as a 403, by its exception and message.
    LimitedAs403 = "403-limit",
    /// the limit as a 200, by its exception and message.
    LimitedAs200 = "200-limit",
    /// a 200 that carries an error; nothing created.
    ErrorAs200 = "200-error",
    /// the reply reports an invalid body.
    BadRequest = "400",
    /// the reply reports invalid keys.
    Unauthorized = "401",
    /// a firewall's page forbids the request.
    Forbidden = "403",
    /// the reply reports that the API does not exist.
    NotFound = "404",
    /// the server gave up waiting for the request.
    RequestTimeout = "408",
    /// the reply reports a body that is too large.
    PayloadTooLarge = "413",
    /// a gateway's page; nothing created.
    BadGateway = "502",
    /// a gateway's page without a Retry-After; nothing created.
    Unavailable = "503",
    /// a gateway's page with a Retry-After in seconds; nothing created.
    UnavailableRetryAfter = "503-retry-after",
    /// a 302 to another path of this server, so that a client that follows it is seen to arrive twice.
    Redirect = "redirect",
    /// somebody's login page, as a 200.
    LoginPage = "login-page",
    /// the note is created, and the reply names another ticket.
    WrongTicket = "wrong-ticket",
    /// the note is created, and the connection ends in the middle of the reply's body.
    CutShort = "cut-short",
    /// the note is created, and the connection ends without a byte of a reply.
    Reset = "reset",
    /// the request is counted but not carried out, and the connection ends without a byte of a reply.
    ResetLost = "reset-lost",
    /// the note is created and never answered.
    Silence = "silence",
    /// the request never arrives: it is not counted, nothing is created, nothing answers.
    Lost = "lost",
}

impl Fault {
    /// Whether the note is created nevertheless.
    pub const fn creates(self) -> bool {
        matches!(self, Self::ServerErrorCreated | Self::WrongTicket | Self::CutShort | Self::Reset | Self::Silence)
    }

    /// Whether the reply reports the limit as exceeded.
    pub const fn limits(self) -> bool {
        matches!(
            self,
            Self::Limited | Self::LimitedRetryAfter | Self::LimitedDate | Self::LimitedAs403 | Self::LimitedAs200
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The requests that a fault applies to.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// Each request with this probability, 0 to 1.
    Probability(f64),
    /// The requests with these numbers, in order of arrival, from 1. Lost ones are numbered too.
    Numbers(Vec<u64>),
    /// Every well-formed request for this ticket.
    Ticket(u64),
}

/// A fault and the requests that it applies to, written `503=0.05`, `reset@3,7` or `400@ticket:143`.
///
/// ```
/// use batchpost_sandbox::{Fault, FaultRule, When};
///
/// let rule: FaultRule = "reset@3,7".parse()?;
/// assert_eq!(rule, FaultRule { fault: Fault::Reset, when: When::Numbers(vec![3, 7]) });
/// # Ok::<(), batchpost_sandbox::FaultRuleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRule {
    /// The fault.
    pub fault: Fault,
    /// The requests that it applies to.
    pub when: When,
}

/// The text is not a fault rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault {text:?} {why}; write KIND=PROBABILITY, KIND@N,N or KIND@ticket:ID, where KIND is one of {}", kinds())]
pub struct FaultRuleError {
    text: String,
    why: &'static str,
}

impl FromStr for FaultRule {
    type Err = FaultRuleError;

    fn from_str(text: &str) -> Result<Self, FaultRuleError> {
        parse(text).map_err(|why| FaultRuleError { text: text.to_owned(), why })
    }
}

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, when } = self;
        match when {
            When::Probability(probability) => write!(f, "{fault}={probability}"),
            When::Ticket(ticket) => write!(f, "{fault}@ticket:{ticket}"),
            When::Numbers(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
                write!(f, "{fault}@{}", numbers.join(","))
            }
        }
    }
}

fn parse(text: &str) -> Result<FaultRule, &'static str> {
    let at = text.find(['=', '@']).ok_or("does not say when it strikes")?;
    let (name, rest) = text.split_at(at);
    let fault = Fault::ALL.iter().copied().find(|fault| fault.name() == name).ok_or("is of an unknown kind")?;
    let when = if let Some(probability) = rest.strip_prefix('=') {
        let probability = probability.parse().ok().filter(|probability| (0.0..=1.0).contains(probability));
        When::Probability(probability.ok_or("has a probability that is not between 0 and 1")?)
    } else if let Some(ticket) = rest.strip_prefix("@ticket:") {
        When::Ticket(positive(ticket).ok_or("has a ticket that is not a positive number")?)
    } else {
        let numbers: Option<Vec<u64>> = rest[1..].split(',').map(positive).collect();
        When::Numbers(numbers.ok_or("has a request's number that is not a positive number")?)
    };
    Ok(FaultRule { fault, when })
}

fn positive(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|number| *number > 0)
}

fn kinds() -> String {
    let names: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules() -> impl Strategy<Value = FaultRule> {
        let when = prop_oneof![
            (0.0..=1.0).prop_map(When::Probability),
            prop::collection::vec(1..u64::MAX, 1..5).prop_map(When::Numbers),
            (1..u64::MAX).prop_map(When::Ticket),
        ];
        (prop::sample::select(Fault::ALL), when).prop_map(|(fault, when)| FaultRule { fault, when })
    }

    proptest! {
        #[test]
        fn a_rule_reads_back_as_it_was_written(rule in rules()) {
            prop_assert_eq!(rule.to_string().parse(), Ok(rule));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "(500|reset|x)?[=@:,.0-9tick-]{0,12}") {
            if let Ok(rule) = text.parse::<FaultRule>() {
                prop_assert_eq!(rule.to_string().parse(), Ok(rule));
            }
        }
    }

    #[test]
    fn no_two_faults_share_a_name() {
        for (n, fault) in Fault::ALL.iter().enumerate() {
            assert!(Fault::ALL[..n].iter().all(|other| other.name() != fault.name()), "{fault}");
        }
    }

    #[test]
    fn a_rule_that_is_none_is_answered_with_every_kind() {
        for text in
            ["", "500", "=1", "509=0.1", "500=1.01", "500=-0.1", "500=NaN", "500@", "500@0", "500@3,", "500@ticket:x"]
        {
            let error = text.parse::<FaultRule>().expect_err(text).to_string();
            assert!(Fault::ALL.iter().all(|fault| error.contains(fault.name())), "{error}");
        }
    }

    #[test]
    fn blanks_after_the_commas_are_allowed() {
        let rule: FaultRule = "lost@3, 7".parse().unwrap();
        assert_eq!(rule, FaultRule { fault: Fault::Lost, when: When::Numbers(vec![3, 7]) });
    }
}
