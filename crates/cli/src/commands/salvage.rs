//! `salvage`: writes a new ledger with the readable records of a damaged one.

use std::io::Write;

use batchpost::batch;
use serde_json::json;

use super::resolve;
use crate::args::{Output, Salvage};
use crate::plain;
use crate::summary::thousands;

pub(crate) fn salvage(salvage: &Salvage, output: &Output) -> anyhow::Result<u8> {
    let salvaged = batch::salvage(&salvage.ledger, &salvage.output, &resolve::tool())?;
    let mut stdout = plain::stdout(output);
    if output.json {
        let result = json!({
            "ledger": salvage.output.display().to_string(),
            "kept": salvaged.kept, "lost": salvaged.lost, "doubted": salvaged.doubted,
        });
        writeln!(stdout, "{result}")?;
        return Ok(0);
    }
    let (kept, lost) = (thousands(salvaged.kept), thousands(salvaged.lost));
    writeln!(stdout, "{kept} records kept, {lost} lost; the new ledger is {}", salvage.output.display())?;
    if salvaged.lost > 0 {
        writeln!(
            stdout,
            "lost records may have been attempts: {} rows without a final outcome were put in doubt, and the next run \
             puts rows without any record in doubt",
            thousands(salvaged.doubted)
        )?;
    }
    Ok(0)
}
