//! `sandbox`: the simulated API, standalone or inside a run.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use batchpost::limit::Limit;
use batchpost::runtime::interrupts;
use batchpost_sandbox::{Counting, Server, Settings};

use crate::args::{LimitArg, Output, Sandbox};

pub(crate) fn sandbox(sandbox: &Sandbox, output: &Output) -> anyhow::Result<u8> {
    let limit = match sandbox.limit {
        LimitArg::None => None,
        LimitArg::Limit(limit) => Some(limit),
    };
    let settings = Settings {
        counting: if sandbox.fixed { Counting::Fixed { phase: std::time::Duration::ZERO } } else { Counting::Sliding },
        refused_count: sandbox.refused_count,
        other_clients: sandbox.strangers.map(|limit| (limit.count(), limit.window())),
        faults: sandbox.faults.clone(),
        latency: sandbox.latency.0.clone(),
        seed: sandbox.seed,
        ..keeping(limit)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = interrupts().context("signal handlers cannot be installed")?;
        let server = start(sandbox.port, settings).await?;
        let mut stdout = io::stdout();
        writeln!(stdout, "{}", server.url())?;
        stdout.flush()?;
        signals.recv().await;
        if output.json {
            writeln!(stdout, "{}", serde_json::to_string(&server.model().report())?)?;
        } else {
            writeln!(stdout, "{}", in_words(&server))?;
        }
        server.shutdown().await;
        Ok(0)
    })
}

/// Starts a sandbox in this process.
pub(super) async fn inside(limit: Option<Limit>) -> anyhow::Result<Server> {
    start(0, keeping(limit)).await
}

/// Describes what the sandbox counted.
pub(super) fn in_words(server: &Server) -> String {
    let report = server.model().report();
    let mut words = format!(
        "{} requests, {} notes created, {} refused for the limit; the most arrivals in any window: {}",
        report.requests, report.notes, report.refused, report.most_in_any_window
    );
    if report.other_clients > 0 {
        words += &format!(
            "; calls by other clients: {}, {} of them refused",
            report.other_clients, report.other_clients_refused
        );
    }
    words
}

async fn start(port: u16, settings: Settings) -> anyhow::Result<Server> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Server::start(address, settings).await.with_context(|| format!("the sandbox cannot listen on {address}"))
}

fn keeping(limit: Option<Limit>) -> Settings {
    let window = limit.map_or(Settings::WINDOW, Limit::window);
    Settings { limit: limit.map(Limit::count), window, ..Settings::default() }
}
