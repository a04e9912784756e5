//! `tripline run`: a checked configuration becomes keeper, core and control.
//!
//! The configuration is read here, before any process exists; the keeper that then runs for months parses nothing.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tripline::control::cli::ExitCode;
use tripline::control::cli::args::RunArgs;
use tripline::control::config::{self, Config};
use tripline::control::{logs, operator_lane};
use tripline::engine::guard_name;
use tripline::engine::limits::{InstrumentKind, Limits};
use tripline::journal::archive::Settings;
use tripline::journal::record::chained;
use tripline::journal::store::Store;
use tripline::keeper::{self, Handover, KeeperError};
use tripline::runtime::{self, CoreOptions, CpuChoice, IdleChoice, Inheritance, Journal};
use tripline::shm::attach::Segments;
use tripline::shm::client::{Client, OPERATOR};
use tripline::shm::clock::monotonic;
use tripline::shm::directory::{Directory, InstrumentEntry};
use tripline::shm::segment::Segment;
use tripline::shm::shared::{OPERATOR_LANE, Shared};
use tripline::shm::stats::StatsReader;
use tripline::wire::hello::Grant;
use tripline::wire::layout::Geometry;

/// Runs a sidecar in the foreground until it is told to stop.
pub(crate) fn run(args: &RunArgs) -> ExitCode {
    let config = match config::load(&args.config) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::Configuration;
        }
    };
    logs::start(config.sidecar.log_level);
    if args.exit_with_parent {
        keeper::end_with_parent();
    }
    match keep(config, !args.no_journal) {
        Ok(()) => ExitCode::Ok,
        Err(error) => {
            logs::failed("sidecar_ended", &error);
            match error {
                KeeperError::Held { .. } => ExitCode::Conflict,
                _ => ExitCode::Failure,
            }
        }
    }
}

fn keep(config: Config, journaled: bool) -> Result<(), KeeperError> {
    let options = keeper::Options {
        runtime_dir: config.sidecar.runtime_dir.clone(),
        group: config.sidecar.group,
        geometry: geometry(&config.limits),
        strategies: config.limits.strategies.iter().map(|s| (s.name, s.uid)).collect(),
        replaces_core: journaled,
        keeps_standby: config.sidecar.standby,
    };
    let limits = config.limits.clone();
    let core_options = CoreOptions {
        cpu: match config.sidecar.cpu {
            config::CpuChoice::Auto => CpuChoice::Auto,
            config::CpuChoice::Number(cpu) => CpuChoice::Number(usize::from(cpu)),
            config::CpuChoice::None => CpuChoice::Unpinned,
        },
        idle: match config.sidecar.idle {
            config::IdleChoice::Auto => IdleChoice::Auto,
            config::IdleChoice::Spin => IdleChoice::Spin,
            config::IdleChoice::Backoff => IdleChoice::Backoff,
        },
        lease: config.sidecar.lease,
        stall_probe: config.sidecar.stall_probe,
    };
    // Calibrated once, before any core is forked: one that takes over has no time for it.
    let _calibrated = runtime::clock::EngineClock::new();
    let journal_dir = config.sidecar.runtime_dir.join("journal");
    let (build, keeper) = (this_build(), monotonic().0);
    keeper::run(
        options,
        |directory| fill(directory, &config.limits),
        |handover| {
            let Handover { shared, link, lanes, restarts, is_standby } = handover;
            let archive = config.sidecar.archive.clone();
            let journal = open_journal(&journal_dir, archive, build, journaled)?;
            let inheritance = Inheritance { shared, link, lanes, restarts, keeper, journal, is_standby };
            runtime::run(limits.clone(), core_options, inheritance)
        },
        |shared| control(config.clone(), shared),
    )
}

/// The journal of this runtime directory, mapped anew by each core. Where none is wanted, one from before is retired.
fn open_journal(
    dir: &Path,
    archive: Option<Settings>,
    build: u64,
    wanted: bool,
) -> io::Result<Option<Journal>> {
    let named = |error| io::Error::other(format!("journal {}: {error}", dir.display()));
    let store = Store::open(dir).map_err(named)?;
    if !wanted {
        return store.retire().map(|()| None).map_err(named);
    }
    let log = store.hot_log(HOT_ENTRIES).map_err(named)?;
    Ok(Some(Journal { store, log, archive, build }))
}

/// Tells this program from any other build of it, by its file: snapshots are of the build that wrote them.
fn this_build() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let program = std::fs::metadata("/proc/self/exe");
    program.map_or(0, |file| chained(file.len(), file.mtime() as u64 ^ (file.mtime_nsec() as u64) << 32))
}

/// Entries of the hot log: 16 MiB.
const HOT_ENTRIES: u32 = 1 << 18;

/// Sizes of everything, from the limits.
fn geometry(limits: &Limits) -> Geometry {
    let count = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
    Geometry {
        accounts: count(limits.accounts.len()),
        strategies: count(limits.strategies.len()),
        books: count(limits.books.len()),
        instruments: count(limits.instruments.len()),
        lanes: limits.capacity.lanes.saturating_add(1),
        guards: count(limits.drawdowns.len()),
        lane_slots: limits.capacity.lane_slots,
        return_slots: limits.capacity.return_slots,
    }
}

fn fill(directory: &Directory, limits: &Limits) {
    for (index, strategy) in (0..).zip(&limits.strategies) {
        directory.set_strategy(index, strategy.name);
    }
    for (index, account) in (0..).zip(&limits.accounts) {
        directory.set_account(index, account.name);
    }
    for (index, book) in (0..).zip(&limits.books) {
        directory.set_book(index, book.strategy, book.account);
    }
    for (index, instrument) in (0..).zip(&limits.instruments) {
        let kind = match instrument.kind {
            InstrumentKind::Linear => 0,
            InstrumentKind::Inverse => 1,
            InstrumentKind::Spot => 2,
            InstrumentKind::Quanto { .. } => 3,
        };
        directory.set_instrument(
            index,
            InstrumentEntry {
                name: instrument.name,
                kind,
                price_decimals: u32::from(instrument.price_decimals),
                qty_decimals: u32::from(instrument.qty_decimals),
                multiplier_e9: instrument.multiplier_e9,
                tick: instrument.tick.0,
                lot: instrument.lot.0,
                currency: u64::from(instrument.settlement.id),
            },
        );
    }
}

/// The control process: sees the stats page, writes the operator's lane, and maps nothing else.
fn control(config: Config, shared: Shared) -> io::Result<()> {
    runtime::pin::block_terminal_signals();
    let stats = StatsReader::new(Arc::new(shared.stats.reopen_read_only()?), &shared.geometry);
    let operator = operator(&shared)?;
    drop(shared);
    let limits = config.limits.clone();
    let guard_name = Arc::new(move |guard| guard_name(&limits, guard).to_string());
    operator_lane::serve(config, operator, stats, guard_name)
}

/// The client's end of the operator's lane, on segments inherited from the keeper.
fn operator(shared: &Shared) -> io::Result<Client> {
    let read_only = |segment: &Segment| segment.reopen_read_only().map(Arc::new);
    let grant = Grant {
        lane: OPERATOR_LANE,
        strategy: OPERATOR,
        generation: 0,
        geometry: shared.geometry,
        lease_ns: 0,
    };
    let segments = Segments {
        gate: read_only(shared.gate.segment())?,
        positions: read_only(shared.positions.segment())?,
        stats: read_only(&shared.stats)?,
        directory: read_only(shared.directory.segment())?,
        lane: Arc::clone(shared.operator.segment()),
        returns: read_only(&shared.operator_returns_segment)?,
    };
    Client::new(grant, segments, None)
}
