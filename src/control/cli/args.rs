//! COLD: what may be typed.
//!
//! Halting never asks. Resetting always does: on a terminal the nonce of this very halt has to be typed, unless `--yes`
//! says that it was decided; where nobody can be asked, `--nonce` has to name the halt that is meant. Resuming asks for
//! the scope, since a cool-down that is over has been waited for whichever halt it was; where nobody can be asked,
//! `--yes` has to say so.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::by_hand::{FillArgs, FlowArgs};
use crate::control::config::GUARD_NAME_MAX;
use crate::control::decimal;
use crate::model::{Acks, Bps, Money, Name};

/// Directory of a sidecar's sockets where neither option nor environment names one.
const DEFAULT_DIR: &str = "/run/tripline";
/// The environment's word for it.
const RUNTIME_DIR: &str = "TRIPLINE_RUNTIME_DIR";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "tripline",
    version,
    about = "A risk sidecar: halts trading strategies before their next order"
)]
#[command(
    after_help = "Exit codes: 0 ok, 1 failure, 2 usage, 3 reduce-only, 4 halted, 5 timed out, 6 unreachable, \
                        7 stale, 8 conflict, 9 permission, 10 configuration invalid, 11 version mismatch."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the sidecar in the foreground
    Run(RunArgs),
    /// Check a configuration: every problem with its line, then what is off or unlimited
    Check(CheckArgs),
    /// Show what is halted, why and since when
    Status(StatusArgs),
    /// Halt a scope now. Never asks
    Halt(HaltArgs),
    /// Let a scope only reduce its positions, or force its error-rate breaker open
    Reduce(ReduceArgs),
    /// Simulate a scope's orders, or let them go to the venue. Going live always asks
    Mode(ModeArgs),
    /// Book what the venue has more, or less, of an instrument than we
    Adopt(AdoptArgs),
    /// Book a trade that somebody made by hand
    Fill(FillArgs),
    /// Announce money that is about to come in, or to go out
    Flow(FlowArgs),
    /// Clear a latched cause. Always asks
    Reset(ResetArgs),
    /// Go on after a cool-down that is over. Always asks
    Resume(ResumeArgs),
    /// Read a journal: the last entries, whether it is whole, all of it
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Decide everything in a journal again, and compare
    Replay(ReplayArgs),
    /// Watch a drawdown halt a strategy, on a price path
    Demo(DemoArgs),
    /// Show versions
    Version(VersionArgs),
    /// The demo's own strategy process
    #[command(hide = true)]
    Strategy(StrategyArgs),
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// End in order when the process that started it ends
    #[arg(long)]
    pub exit_with_parent: bool,
    /// Keep no journal: when the core dies the sidecar ends. For measuring what the journal costs
    #[arg(long, hide = true)]
    pub no_journal: bool,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Where the sidecar is.
#[derive(Clone, Debug, Args)]
pub struct Target {
    /// Directory of the sidecar's sockets
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR, env = RUNTIME_DIR)]
    pub runtime_dir: PathBuf,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Where the sidecar is
    #[command(flatten)]
    pub target: Target,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Exit with 3 when something is reduce-only, 4 when something is halted, 7 when the loop does not turn
    #[arg(long)]
    pub exit_code: bool,
}

/// Options of `halt`.
#[derive(Debug, Args)]
pub struct HaltArgs {
    /// firm, account:NAME, strategy:NAME, book:STRATEGY/ACCOUNT or instrument:ACCOUNT/NAME
    pub scope: String,
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

/// Options of `reduce`.
#[derive(Debug, Args)]
pub struct ReduceArgs {
    /// What, and where the sidecar is
    #[command(flatten)]
    pub halt: HaltArgs,
    /// error-rate: open the breaker of an account or book, until a reset
    #[arg(long, value_name = "NAME")]
    pub guard: Option<String>,
}

/// Options of `mode`.
#[derive(Debug, Args)]
pub struct ModeArgs {
    /// Where its orders go
    #[arg(value_parser = ["paper", "live"])]
    pub mode: String,
    /// firm, account:NAME, strategy:NAME, book:STRATEGY/ACCOUNT or instrument:ACCOUNT/NAME
    pub scope: String,
    /// Why; written to the log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Skip the question that is asked on a terminal; required to go live where standard input is none
    #[arg(long)]
    pub yes: bool,
    /// Where the sidecar is
    #[command(flatten)]
    pub target: Target,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Options of `adopt`.
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// instrument:ACCOUNT/NAME
    pub scope: String,
    /// Why the venue is right; written to the log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Also where it makes the account's position larger
    #[arg(long)]
    pub confirm: bool,
    /// Where the sidecar is
    #[command(flatten)]
    pub target: Target,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Options of `reset`.
#[derive(Debug, Args)]
pub struct ResetArgs {
    /// The scope the cause sits on, as `status` shows it
    #[arg(long)]
    pub scope: String,
    /// The guard that latched, as `status` shows it
    #[arg(long, value_name = "NAME")]
    pub guard: String,
    /// The nonce of this halt, as `status` shows it; required where standard input is no terminal
    #[arg(long, value_name = "HEX")]
    pub nonce: Option<String>,
    /// Why it is safe to go on; written to the log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Measure from the present equity instead of keeping the old peak
    #[arg(long)]
    pub rebase: bool,
    /// Something that was looked at, repeatable: all of them where two approvers have to agree
    #[arg(long = "ack", value_name = "WHAT", value_parser = clap::builder::PossibleValuesParser::new(Acks::WORDS))]
    pub acknowledged: Vec<String>,
    /// Skip the question that is asked on a terminal
    #[arg(long)]
    pub yes: bool,
    /// Where the sidecar is
    #[command(flatten)]
    pub target: Target,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Options of `resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The scope the causes sit on, as `status` shows it
    pub scope: String,
    /// One guard, as `status` shows it; every one whose cool-down is over by default
    #[arg(long, value_name = "NAME")]
    pub guard: Option<String>,
    /// Why it is safe to go on; written to the log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Skip the question that is asked on a terminal; required where standard input is none
    #[arg(long)]
    pub yes: bool,
    /// Where the sidecar is
    #[command(flatten)]
    pub target: Target,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// What to read of a journal.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// One line per entry: the last ones, and with --follow those that come
    Tail(TailArgs),
    /// Check checksums and sequence
    Verify(VerifyArgs),
    /// Print every entry as CSV
    Export(ExportArgs),
}

/// Options of `journal tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// A sidecar's journal directory, an archive directory, or one segment; that of the sidecar in
    /// $TRIPLINE_RUNTIME_DIR, or else in /run/tripline, by default
    #[arg(value_name = "PATH", default_value_os_t = running_journal(), hide_default_value = true)]
    pub path: PathBuf,
    /// Entries shown
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub lines: usize,
    /// Go on with entries as they come
    #[arg(short, long)]
    pub follow: bool,
    /// Print one JSON document per entry
    #[arg(long)]
    pub json: bool,
}

/// The journal of the sidecar that every other command would speak to.
fn running_journal() -> PathBuf {
    std::env::var_os(RUNTIME_DIR).map_or_else(|| PathBuf::from(DEFAULT_DIR), PathBuf::from).join("journal")
}

/// Options of `journal verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A sidecar's journal directory, an archive directory, or one segment
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Options of `journal export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A sidecar's journal directory, an archive directory, or one segment
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// As CSV, the only form there is
    #[arg(long, required = true)]
    pub csv: bool,
}

/// Options of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A sidecar's journal directory, an archive directory, or one segment
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Decide by the limits of this configuration too, and say where that first differs
    #[arg(long, value_name = "FILE")]
    pub limits: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Price path: a CSV file with a column of prices; a built-in one by default
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Position held along the path, a decimal; negative is short
    #[arg(long, value_name = "DECIMAL", allow_hyphen_values = true, value_parser = decimal_text)]
    pub qty: Option<String>,
    /// Equity at the start, a decimal
    #[arg(long, value_name = "DECIMAL", value_parser = positive_money)]
    pub equity: Option<Money>,
    /// A drawdown guard, as in kill=15% (repeatable)
    #[arg(long = "limit", value_name = "NAME=PERCENT", value_parser = named_limit)]
    pub limits: Vec<NamedLimit>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Options of the demo's strategy.
#[derive(Clone, Debug, Args)]
pub struct StrategyArgs {
    /// Directory of the sidecar's sockets
    #[arg(long, value_name = "DIR")]
    pub runtime_dir: PathBuf,
    /// Price path
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Position in quantity units; negative is short
    #[arg(long, allow_hyphen_values = true)]
    pub qty_units: i64,
    /// How long the path takes; 0s is as fast as the sidecar applies it
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "0s")]
    pub pace: Duration,
}

/// A drawdown guard of the demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedLimit {
    /// Name of the guard.
    pub name: String,
    /// Where it trips.
    pub limit: Bps,
}

/// Options of `version`.
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// A decimal, kept as text: its unit is not known before the instrument is.
fn decimal_text(text: &str) -> Result<String, String> {
    decimal::parse_money(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn positive_money(text: &str) -> Result<Money, String> {
    match decimal::parse_money(text) {
        Ok(amount) if amount > Money::ZERO => Ok(amount),
        Ok(_) => Err("must be above 0".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn named_limit(text: &str) -> Result<NamedLimit, String> {
    const FORM: &str = "wants NAME=PERCENT, from 0.01 to 100, as in kill=15%";
    let (name, percent) = text.split_once('=').ok_or(FORM)?;
    let percent = percent.trim().trim_end_matches('%');
    let bps = decimal::parse_units(percent, 2).map_err(|error| format!("{FORM}: {percent} {error}"))?;
    if name.len() > GUARD_NAME_MAX {
        return Err(format!("a guard's name has at most {GUARD_NAME_MAX} characters"));
    }
    match (Name::new(name), u32::try_from(bps)) {
        (Ok(_), Ok(bps @ 1..=10_000)) => Ok(NamedLimit { name: name.to_owned(), limit: Bps(bps) }),
        (Err(error), _) => Err(error.to_string()),
        _ => Err(FORM.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.command)
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_short_position_is_not_an_option() {
        let Ok(Command::Demo(demo)) =
            parse("tripline demo --qty -15 --equity 100000.5 --limit kill=15% --limit canary=3")
        else {
            panic!("parses")
        };
        assert_eq!(demo.qty.as_deref(), Some("-15"));
        assert_eq!(demo.equity, Some(Money(100_000_500_000_000)));
        let limits: Vec<_> = demo.limits.iter().map(|l| (l.name.as_str(), l.limit)).collect();
        assert_eq!(limits, [("kill", Bps(1500)), ("canary", Bps(300))]);
    }

    #[test]
    fn limits_that_make_no_sense_are_usage_errors() {
        for bad in ["kill", "kill=", "kill=0", "kill=101%", "=3", "kill=1.001%", "kill=x"] {
            assert!(parse(&format!("tripline demo --limit {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_halt_needs_a_reason_and_nothing_else() {
        assert!(parse("tripline halt firm").is_err());
        assert!(matches!(parse("tripline halt firm --reason x"), Ok(Command::Halt(_))));
    }

    #[test]
    fn a_resume_needs_scope_and_reason_and_may_name_a_guard() {
        assert!(parse("tripline resume --reason x").is_err());
        assert!(parse("tripline resume firm").is_err());
        let Ok(Command::Resume(all)) = parse("tripline resume account:main --reason x") else {
            panic!("parses")
        };
        assert_eq!((all.scope.as_str(), all.guard, all.yes), ("account:main", None, false));
        let one = parse("tripline resume account:main --guard error-rate --reason x --yes");
        let Ok(Command::Resume(one)) = one else { panic!("parses") };
        assert_eq!((one.guard.as_deref(), one.yes), (Some("error-rate"), true));
    }
}
