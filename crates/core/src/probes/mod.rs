//! Probes a machine before a run. Nothing is posted: probing the API's host is limited to a connection and a
//! TLS handshake. Any HTTP request, even a harmless one, may count against the account's limit and would need
//! a slot. [`crate::doctor`] judges the results.

mod folder;
mod network;

use std::fs;
use std::io;
use std::path::Path;

use jiff::tz::TimeZone;

pub use folder::folder;
pub use network::reach;

use crate::batch::error::Error;
use crate::batch::ledgers::{header_to_write, look};
use crate::doctor::{self, Check, Clocks, Finding, Setting};
use crate::runtime::budget;
use crate::runtime::clock::wall;
use crate::runtime::platform::{group_name, since_boot};
use crate::runtime::state::Scope;
use crate::runtime::{SharingError, StateFolders};
use crate::settings::Settings;

/// Probes the ledger at `path`, whose batch should be for `target`, if that is given. The ledger is only
/// read: even a short lock could make a run that starts at this moment fail.
pub fn ledger(path: &Path, target: Option<&str>) -> Finding {
    let check = Check::Ledger;
    let place = path.display();
    if matches!(header_to_write(path), Err(Error::PackedLedger(_))) {
        let advice = format!("unpack it with `gunzip {place}`");
        return Finding::problem(check, format!("{place} is compressed (gzip) and read-only"), advice);
    }
    match look(path) {
        Ok((batch, _)) if target.is_some_and(|target| target != batch.header.target) => Finding::problem(
            check,
            format!("{place} belongs to {}", batch.header.target),
            "use another ledger, or the account that it belongs to",
        )
        .about(Setting::Ledger),
        Ok((batch, extent)) => {
            let writable = fs::OpenOptions::new().append(true).open(path);
            if let Err(error) = writable {
                let advice = "give this user write access";
                return Finding::problem(check, format!("{place} cannot be written: {error}"), advice);
            }
            let counts = batch.counts();
            let found = format!("{place}: {} rows, {} of them posted", counts.total(), counts.posted);
            match extent.torn_bytes {
                0 => Finding::ok(check, found),
                torn => Finding::warning(
                    check,
                    format!("{found}; its last {torn} bytes are torn"),
                    "no action needed: a run is writing them, or the next run repairs the end",
                ),
            }
        }
        Err(Error::LedgerFile { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Finding::ok(check, format!("{place} does not exist yet; the first run creates it"))
        }
        Err(Error::LedgerFile { path, source, .. }) => {
            let found = format!("{} cannot be opened: {source}", path.display());
            Finding::problem(check, found, "give this user read and write access, or use another ledger")
                .about(Setting::Ledger)
        }
        Err(error) => Finding::problem(
            check,
            error.to_string(),
            "restore it from a backup; without one, `batchpost salvage` makes a new ledger from the readable records",
        ),
    }
}

/// Probes whether the input at `path` can be opened. Its rows are not read; `check` does that.
pub fn input(path: &Path) -> Finding {
    let place = path.display();
    let opened = fs::File::open(path).and_then(|file| file.metadata());
    match opened {
        Ok(metadata) if metadata.is_file() => {
            Finding::ok(Check::Input, format!("{place} can be opened, {} bytes", metadata.len()))
        }
        Ok(_) => Finding::problem(
            Check::Input,
            format!("{place} is not a regular file"),
            "pass a file, or - for standard input",
        ),
        Err(error) => Finding::problem(
            Check::Input,
            format!("{place} cannot be opened: {error}"),
            "check its name and permissions",
        ),
    }
}

/// Probes the budget that a run with `settings` for the account `target` would use, its folder, and who
/// shares it.
///
/// # Errors
///
/// If the folder cannot be used. Runs for the account would send nothing then.
pub fn budget(state: &StateFolders, target: &str, settings: &Settings) -> Result<Vec<Finding>, SharingError> {
    if !settings.shares() {
        return Ok(vec![Finding::ok(Check::Budget, "private; this run does not count requests of other runs")]);
    }
    let choice = state.choose(target)?;
    let scope = choice.check(target)?;
    let (place, kept) = budget::glance(&choice.path, target, &settings.limits);
    let mut findings = folder(Check::StateFolder, &place);
    findings.push(match scope {
        Some(Scope::Shared { group }) => doctor::shared_by_group(&choice.path, &group_name(group)),
        Some(Scope::Personal) | None => doctor::shared_by_user(&choice.path, choice.unused_shared.as_deref()),
    });
    findings.extend(doctor::budget(&place, &kept, wall()));
    Ok(findings)
}

/// Probes the clocks of this machine.
pub fn clock() -> Vec<Finding> {
    let zone = TimeZone::try_system().ok().and_then(|zone| zone.iana_name().map(str::to_owned));
    doctor::clocks(&Clocks { wall: wall(), zone, since_boot: since_boot().is_some() })
}
