//! Findings about a machine before a run, with advice. This module only judges; the [probes](crate::probes)
//! collect the facts.

mod budget;
mod clock;
mod folder;
mod network;

pub use budget::{BudgetState, budget, shared_by_group, shared_by_user};
pub use clock::{Clocks, clocks};
pub use folder::{FileSystem, Probed, file_system, folder};
pub use network::{Handshake, TlsTrouble, connection, name, proxy, tls};

use serde::{Serialize, Serializer};

/// What was checked. The names in JSON must not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Check {
    /// The configuration file.
    Configuration,
    /// The account that notes are posted to.
    Account,
    /// The proxy.
    Proxy,
    /// The address of the host name.
    Name,
    /// The connection to the host.
    Connection,
    /// The TLS handshake and the host's certificate.
    Tls,
    /// The input.
    Input,
    /// The ledger.
    Ledger,
    /// The ledger's folder.
    LedgerFolder,
    /// The state folder, with the budgets that runs share.
    StateFolder,
    /// The account's budget.
    Budget,
    /// The clocks.
    Clock,
    /// A secret, by the [name](crate::api::Api::credentials) that its API uses: `access key`, in JSON
    /// `access_key`.
    #[serde(untagged)]
    Credential(#[serde(serialize_with = "in_one_word")] &'static str),
}

fn in_one_word<S: Serializer>(name: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&name.to_lowercase().replace(' ', "_"))
}

impl Check {
    /// The name to display.
    pub fn word(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Account => "account",
            Self::Proxy => "proxy",
            Self::Name => "name",
            Self::Connection => "connection",
            Self::Tls => "TLS",
            Self::Input => "input",
            Self::Ledger => "ledger",
            Self::LedgerFolder => "ledger folder",
            Self::StateFolder => "state folder",
            Self::Budget => "budget",
            Self::Clock => "clock",
            Self::Credential(name) => name,
        }
    }
}

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// No problem.
    Ok,
    /// No run fails because of it, but the user should know.
    Warning,
    /// A run would fail.
    Problem,
}

/// A setting that advice refers to. Advice names no options: the program adds how to change the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// The path of the ledger.
    Ledger,
    /// The state folder, with the budgets that runs share.
    StateFolder,
    /// The proxy.
    Proxy,
    /// The file of trusted certificates.
    CaFile,
    /// The time zone of the hours in which a run posts.
    TimeZone,
    /// The number of rows that a run posts.
    First,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked.
    pub check: Check,
    /// The severity.
    pub level: Level,
    /// The result.
    pub found: String,
    /// What to do; `None` without a problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The setting that the advice refers to.
    #[serde(skip)]
    pub setting: Option<Setting>,
}

impl Finding {
    /// Creates a finding without a problem.
    pub fn ok(check: Check, found: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, found: found.into(), advice: None, setting: None }
    }

    /// Creates a warning: no run fails because of it.
    pub fn warning(check: Check, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Warning, found: found.into(), advice: Some(advice.into()), setting: None }
    }

    /// Creates a problem: a run would fail.
    pub fn problem(check: Check, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Problem, found: found.into(), advice: Some(advice.into()), setting: None }
    }

    /// Adds the setting that the advice refers to.
    #[must_use]
    pub fn about(self, setting: Setting) -> Self {
        Self { setting: Some(setting), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_goes_by_the_name_that_its_api_has_for_it() {
        let findings = [Check::Credential("API key"), Check::LedgerFolder].map(|check| Finding::ok(check, "set"));
        let named: Vec<String> = findings.iter().map(|finding| finding.check.word().to_owned()).collect();
        assert_eq!(named, ["API key", "ledger folder"]);
        let json = serde_json::to_value(&findings).unwrap();
        assert_eq!([&json[0]["check"], &json[1]["check"]], ["api_key", "ledger_folder"]);
    }
}
