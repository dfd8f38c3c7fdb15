//! Writes sheets of any length, and runs them with a transport that replies at once. Time it from outside.
//!
//! Usage: `scale sheet ROWS >FILE`, `scale open FILE LEDGER`, `scale post FILE LEDGER [ROWS]`

use std::io::{self, BufWriter, Write};
use std::path::Path;

use batchpost::batch::{Prepared, ReadyRun};
use batchpost::runtime::Interrupts;
use batchpost_benches::{Echo, run_request, write_csv};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["sheet", rows] => {
            let mut out = BufWriter::new(io::stdout().lock());
            write_csv(&mut out, rows.parse()?)?;
            out.flush()?;
        }
        ["open", input, ledger] => {
            let prepared = Prepared::look(run_request(Path::new(input), Path::new(ledger), None))?;
            let read_summary = prepared.read_summary().ok_or("a file is surveyed")?;
            println!("{} rows, {} to do", read_summary.rows, read_summary.to_do);
        }
        ["post", input, ledger] => post(input, ledger, None)?,
        ["post", input, ledger, rows] => post(input, ledger, Some(rows.parse()?))?,
        _ => return Err("usage: scale sheet ROWS | scale open FILE LEDGER | scale post FILE LEDGER [ROWS]".into()),
    }
    Ok(())
}

fn post(input: &str, ledger: &str, rows: Option<u64>) -> Result<(), Box<dyn std::error::Error>> {
    let prepared = ReadyRun::open(run_request(Path::new(input), Path::new(ledger), rows))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(prepared.post(Echo, Interrupts::never(), &mut |_| ()))?;
    println!(
        "{} posted in {:.2} s, {:.0}/s",
        report.posted_now,
        report.elapsed.as_secs_f64(),
        report.posted_now as f64 / report.elapsed.as_secs_f64()
    );
    Ok(())
}
