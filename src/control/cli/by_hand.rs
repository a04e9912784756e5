//! COLD: `fill` and `flow`: what somebody traded by hand, and money that is about to come or go.

use std::io;
use std::time::Duration;

use clap::Args;

use super::admin;
use super::args::Target;
use super::verbs::fail;
use super::{ExitCode, Terminal};
use crate::control::clock;
use crate::control::server::{Done, FillBody, FlowBody};

/// Options of `fill`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("side").required(true).args(["buy", "sell"]))]
pub struct FillArgs {
    /// instrument:ACCOUNT/NAME
    pub scope: String,
    /// How much was bought
    #[arg(long, value_name = "QTY")]
    pub buy: Option<String>,
    /// How much was sold
    #[arg(long, value_name = "QTY")]
    pub sell: Option<String>,
    /// At what price
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    pub px: String,
    /// What it cost, in the settlement currency; by default the worst configured rate until it is known
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub fee: Option<String>,
    /// Its execution key, of 64 bits as a strategy that sees it too would report it: then it counts once. By default one that
    /// is printed first, by which the same command can be repeated when nobody answers
    #[arg(long, value_name = "NUMBER")]
    pub exec: Option<u64>,
    /// Why; written to the log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Where the sidecar is
    #[command(flatten)]
    pub target: Target,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Options of `flow`.
#[derive(Debug, Args)]
pub struct FlowArgs {
    /// book:STRATEGY/ACCOUNT, or the account if it has one book
    pub scope: String,
    /// What comes in, in the account's currency; negative for what goes out
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub amount: String,
    /// How long a snapshot may take to show it
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = humantime::parse_duration)]
    pub within: Duration,
    /// Why; written to the log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Where the sidecar is
    #[command(flatten)]
    pub target: Target,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

pub(super) fn fill(args: &FillArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    let qty = match (&args.buy, &args.sell) {
        (Some(bought), _) => bought.clone(),
        (None, sold) => format!("-{}", sold.as_deref().unwrap_or_default().trim()),
    };
    let FillArgs { scope, px, fee, exec, reason, .. } = args;
    let (scope, px, fee, reason) = (scope.clone(), px.clone(), fee.clone(), reason.clone());
    // Chosen here, so that a command nobody answered can be given again and books nothing twice.
    let key = exec.unwrap_or_else(clock::utc_now_ns);
    if exec.is_none() {
        writeln!(terminal.err, "execution {key}: to repeat this command add --exec {key}")?;
    }
    let body = FillBody { scope, qty, px, fee, exec: Some(key), reason };
    match admin::post::<Done>(&args.target.runtime_dir, "/v1/fill", &body) {
        Ok(done) if args.json => writeln!(terminal.out, "{}", serde_json::to_string(&done)?)?,
        Ok(done) => writeln!(terminal.out, "booked on {} as execution {}", done.scope, done.id)?,
        Err(failure) => return fail(&failure, args.json, terminal),
    }
    Ok(ExitCode::Ok)
}

pub(super) fn flow(args: &FlowArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    let (scope, amount, reason) = (args.scope.clone(), args.amount.clone(), args.reason.clone());
    let body = FlowBody { scope, amount, within_s: Some(args.within.as_secs()), reason };
    match admin::post::<Done>(&args.target.runtime_dir, "/v1/flow", &body) {
        Ok(done) if args.json => writeln!(terminal.out, "{}", serde_json::to_string(&done)?)?,
        Ok(done) => {
            let amount = &args.amount;
            writeln!(
                terminal.out,
                "{amount} expected on {}; the next snapshot of its balance that shows it books it",
                done.scope
            )?;
        }
        Err(failure) => return fail(&failure, args.json, terminal),
    }
    Ok(ExitCode::Ok)
}
