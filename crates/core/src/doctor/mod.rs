//! What is found when a machine is looked over before a run, and what to do about it. Judgements only: who looks is
//! the [probes](crate::probes).

mod budget;
mod clock;
mod folder;
mod network;

pub use budget::{Kept, budget, shared_by_group, shared_by_user};
pub use clock::{Clocks, clocks};
pub use folder::{FileSystem, Probed, file_system, folder};
pub use network::{Handshake, TlsTrouble, connection, name, proxy, tls};

use serde::{Serialize, Serializer};

/// What was looked at. Its name in JSON stays what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Check {
    /// The file of settings.
    Configuration,
    /// Where notes are posted to.
    Account,
    /// The way out of this network.
    Proxy,
    /// The address that the host's name leads to.
    Name,
    /// A connection to it.
    Connection,
    /// Whether it is who it should be.
    Tls,
    /// The rows.
    Input,
    /// The ledger itself.
    Ledger,
    /// The folder that the ledger is in.
    LedgerFolder,
    /// The folder of the budgets that runs share.
    StateFolder,
    /// The account's budget.
    Budget,
    /// The time.
    Clock,
    /// A secret, by the [name](crate::api::Api::credentials) that its API has for it: `access key`, in JSON
    /// `access_key`.
    #[serde(untagged)]
    Credential(#[serde(serialize_with = "in_one_word")] &'static str),
}

fn in_one_word<S: Serializer>(name: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&name.to_lowercase().replace(' ', "_"))
}

impl Check {
    /// Its name, for people.
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

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It stands in no run's way, and there is something to know.
    Warning,
    /// A run would not work.
    Problem,
}

/// A setting that advice is about. Advice does not name an option: how a setting is set is for the program to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// Where the ledger is.
    Ledger,
    /// The folder of the budgets that runs share.
    StateFolder,
    /// The proxy to go through.
    Proxy,
    /// The file of trusted certificates.
    CaFile,
    /// The time zone of the hours in which a run posts.
    TimeZone,
    /// How many rows a run posts.
    First,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do; nothing where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The setting that the advice is about.
    #[serde(skip)]
    pub setting: Option<Setting>,
}

impl Finding {
    /// As it should be.
    pub fn ok(check: Check, found: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, found: found.into(), advice: None, setting: None }
    }

    /// It stands in no run's way, and there is something to know.
    pub fn warning(check: Check, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Warning, found: found.into(), advice: Some(advice.into()), setting: None }
    }

    /// A run would not work.
    pub fn problem(check: Check, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Problem, found: found.into(), advice: Some(advice.into()), setting: None }
    }

    /// The same, with advice about this setting.
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
