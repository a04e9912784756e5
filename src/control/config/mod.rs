//! COLD: one TOML file to validated limits, or to every problem it has.
//!
//! ```text
//! text ── toml ──> document with spans ── walk ──> Config { limits, sidecar, notes }
//!                                            └───> Problems: all of them, by line
//! ```
//! The engine never re-checks what passed here. A key that is not asked for is unknown, and unknown is a problem: a
//! misspelt limit must not become no limit. Deliberately absent: includes, environment variables, reloading.

mod breakers;
mod buckets;
mod caps;
mod clocks;
mod guards;
mod journal;
mod market;
mod permission;
mod problems;
mod rates;
mod scopes;
mod sidecar;
mod system;
#[cfg(test)]
mod tests;
mod trading;
mod value;
mod venue_codes;
mod venues;
mod walk;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::clock::session::SessionClock;
use crate::engine::Limits;
use crate::engine::limits::ScopeLimits;
use crate::journal::archive::Settings;
use crate::model::Nanos;

pub use guards::GUARD_NAME_MAX;
pub(in crate::control) use problems::nearest;
pub use problems::{Fault, Problem, Problems};
use walk::{Section, Walk};

/// A configuration without problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What the engine decides by.
    pub limits: Limits,
    /// How the processes around it run.
    pub sidecar: SidecarConfig,
    /// What is off, unlimited or left to chance; `tripline check` lists it.
    pub notes: Vec<Note>,
    /// Tells two texts apart in `status` and metrics. FNV-1a: it identifies, it does not authenticate.
    pub digest: u64,
}

/// How the sidecar's processes run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidecarConfig {
    /// Private directory of the two sockets. Absolute, short enough for a socket address.
    pub runtime_dir: PathBuf,
    /// Group that may reach the attach socket; `None` leaves it to the owner.
    pub group: Option<u32>,
    /// Where the loop runs.
    pub cpu: CpuChoice,
    /// What the loop does when nothing arrives.
    pub idle: IdleChoice,
    /// The lease a gate accepts; `None` chooses by whether the processor is isolated.
    pub lease: Option<Nanos>,
    /// How long the first start measures stalls before it trusts a lease; zero skips the probe.
    pub stall_probe: Nanos,
    /// Whether a core waits to follow one that dies.
    pub standby: bool,
    /// Loopback address of the HTTP port; `None` serves only the admin socket. Port 0 lets the system choose.
    pub http: Option<SocketAddr>,
    /// Where every entry of the journal is archived; `None` keeps only the hot log.
    pub archive: Option<Settings>,
    /// When the sessions that the limits number begin.
    pub clocks: Vec<SessionClock>,
    /// What is logged.
    pub log_level: LogLevel,
}

/// Which processor the loop is pinned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuChoice {
    /// The last isolated one, else the last one.
    Auto,
    /// This one.
    Number(u16),
    /// Not pinned.
    None,
}

/// What the loop does when nothing arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleChoice {
    /// Spin on an isolated processor, back off elsewhere.
    Auto,
    /// Always spin.
    Spin,
    /// Yield, then wait.
    Backoff,
}

/// The least important message that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the usual five")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Something the configuration permits that a person should know about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Line in the file, from 1.
    pub line: usize,
    /// Path of the key.
    pub key: String,
    /// What it means.
    pub text: String,
}

/// Reads and checks the file at `path`.
///
/// # Errors
/// [`Problems`]: everything wrong with it, or that it cannot be read.
pub fn load(path: &Path) -> Result<Config, Problems> {
    let file_name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, &file_name),
        Err(error) => {
            let fault = Fault::Unreadable { error: error.to_string() };
            Err(Problems::new(&file_name, vec![Problem { line: 1, key: String::new(), value: None, fault }]))
        }
    }
}

/// Checks a configuration; `file_name` is what problems call it.
///
/// # Errors
/// [`Problems`]: everything wrong with it.
pub fn parse(text: &str, file_name: &str) -> Result<Config, Problems> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let walk = Walk::new(text);
    let built = build(&walk, document.get_ref());
    let mut wrong: Vec<Problem> = Vec::new();
    for error in &syntax {
        let line = walk.line(error.span().map_or(0, |span| span.start));
        if wrong.last().is_some_and(|last| last.line == line) {
            // The rest of a line the parser stumbled in.
            continue;
        }
        let fault = Fault::Syntax { message: error.message().to_owned() };
        wrong.push(Problem { line, key: String::new(), value: None, fault });
    }
    let (found, mut notes) = walk.into_findings();
    wrong.extend(found.into_iter().filter(|problem| syntax.is_empty() || !problem.fault.is_absence()));
    match built {
        Some((limits, sidecar)) if wrong.is_empty() => {
            notes.sort_by_key(|note| note.line);
            Ok(Config { limits, sidecar, notes, digest: fnv1a(text.as_bytes()) })
        }
        _ => Err(Problems::new(file_name, wrong)),
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Everything in the document, or `None` when something in it is wrong and was reported.
fn build(walk: &Walk<'_>, document: &DeTable<'_>) -> Option<(Limits, SidecarConfig)> {
    let root = Section::root(walk, document);
    root.required("schema", "write schema = 1 at the top", value::integer(1..=1));

    let instance = sidecar::instance(root.table("instance"));
    let mut runs = sidecar::processes(&root, &instance);
    let capacity = sidecar::capacity(root.table("capacity"));

    let accounts = root.tables("account", "name");
    let instruments = root.tables("instrument", "name");
    let rates = root.tables("rate", "base");
    let strategies = root.tables("strategy", "name");
    let drawdowns = root.tables("drawdown", "name");
    let buckets = root.tables("bucket", "name");
    let own_venues = root.tables("venue", "name");
    market::none_is_a_problem(&root, &accounts, &instruments, &strategies);
    let permit_validity = permission::validity(root.table("permit"));
    let directives = permission::directives(root.table("directives"));
    let approval = permission::approval(root.table("approval"));

    let currencies = market::Currencies::read(&accounts, &instruments, &rates);
    let account_names = market::Directory::read("account", &accounts);
    let instrument_names = market::Directory::read("instrument", &instruments);
    let strategy_names = market::Directory::read("strategy", &strategies);
    let venue_names = venues::Venues::read(&accounts);
    let clocks = clocks::Clocks::read(&accounts);
    let mut accounts = market::accounts(accounts, &currencies);
    let rates = rates::rates(rates, &currencies, &strategy_names);
    let instruments = market::instruments(instruments, &currencies, &accounts, &rates, &strategy_names);
    let quantity = trading::QuantityUnit::of(&instruments);
    let mut trading = trading::strategies(strategies, &account_names, &accounts, quantity);
    caps::set_clocks(&mut accounts, &mut trading, &clocks);
    let scopes = scopes::Scopes {
        accounts: &account_names,
        instruments: &instrument_names,
        strategies: &strategy_names,
        books: &trading.pairs,
        venues: &venue_names,
    };
    guards::accounts_can_flatten(&accounts, &trading);
    let drawdowns = guards::drawdowns(drawdowns, &scopes, (&trading, !rates.is_empty()), &clocks);
    runs.clocks = clocks.into_list();
    let buckets = buckets::buckets(buckets, &scopes, permit_validity);
    let venues = venues::venues(own_venues, &venue_names);
    let firm = firm(root.table("firm"), &accounts, &trading);
    market::each_account_is_used(&accounts, &trading, &drawdowns, &buckets, &venue_names);
    root.finish();

    let limits = Limits {
        instance: instance.name?,
        mode: instance.mode?,
        firm,
        accounts: accounts.into_iter().map(|(_, limits)| limits).collect::<Option<_>>()?,
        instruments: instruments.into_iter().collect::<Option<_>>()?,
        rates: rates.into_iter().collect::<Option<_>>()?,
        strategies: trading.strategies.into_iter().collect::<Option<_>>()?,
        books: trading.books.into_iter().collect::<Option<_>>()?,
        drawdowns: drawdowns.into_iter().map(|(_, limits)| limits).collect::<Option<_>>()?,
        venues,
        buckets: buckets.into_iter().map(|(_, limits)| limits).collect::<Option<_>>()?,
        permit_validity,
        directives,
        approval,
        clocks: runs.clocks.len() as u16,
        capacity,
    };
    Some((limits, runs))
}

/// The firm's limits.
fn firm(
    section: Section<'_, '_>,
    accounts: &[market::AccountRow<'_, '_>],
    trading: &trading::Trading,
) -> ScopeLimits {
    let firm = caps::firm(&section, accounts);
    caps::note_unlimited(&section, &capped(firm, accounts, trading));
    section.finish();
    firm
}

/// The limits of every scope that may have them.
fn capped(
    firm: ScopeLimits,
    accounts: &[market::AccountRow<'_, '_>],
    trading: &trading::Trading,
) -> Vec<ScopeLimits> {
    let accounts = accounts.iter().filter_map(|(_, limits)| Some(limits.as_ref()?.caps));
    let strategies = trading.strategies.iter().flatten().map(|limits| limits.caps);
    let books = trading.books.iter().flatten().map(|limits| limits.caps);
    core::iter::once(firm).chain(accounts).chain(strategies).chain(books).collect()
}
