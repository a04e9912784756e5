//! COLD: `tripline check`.

use std::io;

use serde_json::json;

use super::args::CheckArgs;
use super::{ExitCode, Terminal};
use crate::control::config::{self, Config, Problems};

const SCHEMA: &str = "tripline.check/1";

pub(super) fn check(args: &CheckArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    let file = args.config.display().to_string();
    let outcome = config::load(&args.config);
    let code = if outcome.is_ok() { ExitCode::Ok } else { ExitCode::Configuration };
    match outcome {
        Ok(config) if args.json => writeln!(terminal.out, "{}", good_json(&file, &config))?,
        Err(problems) if args.json => writeln!(terminal.out, "{}", bad_json(&problems))?,
        Ok(config) => good_text(&file, &config, terminal)?,
        Err(problems) => writeln!(terminal.err, "{problems}")?,
    }
    Ok(code)
}

fn good_text(file: &str, config: &Config, terminal: &mut Terminal<'_>) -> io::Result<()> {
    for note in &config.notes {
        writeln!(terminal.out, "{file}:{}: {}: note: {}", note.line, note.key, note.text)?;
    }
    let limits = &config.limits;
    let count = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    writeln!(
        terminal.out,
        "{file}: ok: {}, {}, {}, {}, {}, {}",
        limits.mode.as_str(),
        count(limits.accounts.len(), "account"),
        count(limits.instruments.len(), "instrument"),
        count(limits.books.len(), "book"),
        count(limits.drawdowns.len(), "drawdown guard"),
        count(limits.buckets.len(), "rate bucket"),
    )
}

fn good_json(file: &str, config: &Config) -> serde_json::Value {
    let notes: Vec<_> =
        config.notes.iter().map(|n| json!({ "line": n.line, "key": n.key, "text": n.text })).collect();
    let digest = format!("{:016x}", config.digest);
    json!({ "schema": SCHEMA, "file": file, "ok": true, "digest": digest, "problems": [], "notes": notes })
}

fn bad_json(problems: &Problems) -> serde_json::Value {
    let rows = problems.list().iter().map(|problem| {
        json!({
            "line": problem.line,
            "key": problem.key,
            "value": problem.value,
            "code": problem.fault.code(),
            "message": problem.to_string(),
        })
    });
    let rows: Vec<_> = rows.collect();
    json!({ "schema": SCHEMA, "file": problems.file(), "ok": false, "problems": rows, "notes": [] })
}
