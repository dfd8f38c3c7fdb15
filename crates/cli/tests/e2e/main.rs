//! The built binary against a real server: the output, the server's count, and the ledger.
//!
//! The limits are raised to keep runs short; only [`limits`] uses the documented one, once and in real time.

#[cfg(test)]
mod auditing;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod doubt;
#[cfg(test)]
mod exporting;
#[cfg(test)]
mod frozen;
#[cfg(test)]
mod held;
#[cfg(test)]
mod initiating;
#[cfg(test)]
mod input;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod known;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod manual;
#[cfg(test)]
mod mapping;
#[cfg(test)]
#[cfg(unix)]
mod nightly;
#[cfg(test)]
mod other_ledgers;
#[cfg(test)]
mod others;
#[cfg(test)]
mod packed;
#[cfg(all(test, unix))]
mod reading_once;
#[cfg(test)]
mod reporting;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod resuming;
#[cfg(test)]
mod salvaging;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod settling;
#[cfg(test)]
mod settling_whole;
#[cfg(test)]
mod sharing;
#[cfg(all(test, unix))]
mod signals;
#[cfg(test)]
mod spreadsheets;
#[cfg(test)]
#[cfg(unix)]
mod state_folder;
#[cfg(test)]
mod support;
#[cfg(test)]
#[cfg(unix)]
mod terminal;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod verdicts;
#[cfg(test)]
mod version;
#[cfg(test)]
mod watching;
// On Windows, the program has another name and the system other messages.
#[cfg(all(test, unix))]
mod worded;
