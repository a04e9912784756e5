//! A strategy killed at single instructions of publish: whatever the instruction, the sidecar has exactly the records
//! before some point of what was to be published, each of them whole, and all whose publish had returned. The strategy is
//! halted, its lane closed, half a group has no effect, and attaching again works. Heartbeats have an hour here: what tells
//! of the death is the hang-up or the pidfd.
//!
//! The strategy stops itself before a publish (SIGTRAP) and from there runs so many instructions (ptrace). How many it
//! takes to the end of the last publish is measured first; the kills are spread over that. `make test` takes every seventh
//! in its optimised half, `make crash-matrix` each: `TRIPLINE_STRIDE=1 cargo test --release --test publish_steps`.

#![allow(unsafe_code)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use support::process::signal;
use support::seed::Seed;
use support::sidecar::{Attached, CAPITAL, Setup, Sidecar};
use support::strategy::{StrategyProcess, role};
use support::traced::{Traced, stride};
use support::{PATIENCE, not_run, wait_for};
use tripline::control::report::CauseReport;
use tripline::journal::log::{FIRST, Found, HotLog};
use tripline::model::event::{FillCause, LivenessSign};
use tripline::model::{Event, Flags, Handle, Lots, Message, Name, Nanos, Ticks};
use tripline::runtime::pin;
use tripline::shm::client::Client;
use tripline::shm::clock::{monotonic, utc};
use tripline::shm::gate::Gate;
use tripline::shm::segment::Segment;
use tripline::sync::Ordering;
use tripline::wire::record::{Words, decode, encode};

/// Kills in an ordinary run; the stride follows.
const KILLS: u64 = 24;
/// Instructions after which a strategy that has not published three records never will.
const MOST_STEPS: u64 = 1_000_000;
const SLOTS: u64 = 64;
const MARK: i64 = 100;
/// What is published step by step, behind the records that fill the ring: a fill, and one of two records.
const STEPPED: u64 = 3;

fn setup() -> Setup {
    Setup { lease: "1s", lane_slots: SLOTS as u32, keys: "duplicates = \"off\"", ..Setup::default() }
}

/// What a strategy process is to publish: `before` marks at once, then the stepped records. Each fill earns 1.
#[derive(Clone, Copy, Debug)]
struct Order {
    before: u64,
    first_exec: u64,
    t_venue: i64,
}

impl Order {
    fn from_line(line: &str) -> Self {
        let numbers: Vec<i64> = line.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        let [before, first_exec, t_venue] = numbers[..] else { panic!("{line:?} is no order") };
        Self { before: before.cast_unsigned(), first_exec: first_exec.cast_unsigned(), t_venue }
    }

    fn line(&self) -> String {
        format!("{} {} {}", self.before, self.first_exec, self.t_venue)
    }

    fn records(&self) -> Vec<(Flags, Event)> {
        let mut records: Vec<(Flags, Event)> = (0..self.before)
            .map(|sequence| {
                let mark = Some(Ticks(MARK));
                (Flags::empty(), Event::Mark { mark, index: None, last: None, underlying: None, sequence })
            })
            .collect();
        let fill = |exec, px| Event::Fill { order: 0, exec, px: Ticks(px), qty: Lots(1), fee: 0 };
        records.push((Flags::empty(), fill(self.first_exec, MARK - 1)));
        records.push((Flags::SELL | Flags::MORE, fill(self.first_exec + 1, MARK + 1)));
        let (cum_qty, cause) = (Lots(0), FillCause::Normal);
        let rest = Event::FillExt {
            exec_high: 0,
            cum_qty,
            t_venue: self.t_venue,
            fee_ccy: 0,
            cause,
            venue_order: 0,
        };
        records.push((Flags::SELL, rest));
        records
    }

    /// Fills that are complete within the first `published` records.
    fn fills(&self, published: u64) -> u64 {
        u64::from(published > self.before) + u64::from(published == self.before + STEPPED)
    }
}

/// What the strategy process says without a call to the kernel: publishes that returned, by how.
struct Told(Segment);

impl Told {
    const ACCEPTED_AT: usize = 0;
    const REFUSED_AT: usize = 8;

    fn in_file(run_dir: &Path) -> Self {
        Self(Segment::in_file(&run_dir.join("told"), 4096).expect("a file"))
    }

    fn count(&self, at: usize) {
        // One side counts, and the other reads when that stands still.
        self.0.word(at).store(self.read(at) + 1, Ordering::Release);
    }

    fn read(&self, at: usize) -> u64 {
        self.0.word(at).load(Ordering::Acquire)
    }

    fn forget(&self) {
        [Self::ACCEPTED_AT, Self::REFUSED_AT]
            .iter()
            .for_each(|&at| self.0.word(at).store(0, Ordering::Release));
    }

    fn accepted(&self) -> u64 {
        self.read(Self::ACCEPTED_AT)
    }

    fn refused(&self) -> u64 {
        self.read(Self::REFUSED_AT)
    }
}

#[test]
#[ignore = "the strategy process that tests start"]
fn a_strategy_process() {
    let Some((run_dir, strategy)) = role() else { return };
    let told = Told::in_file(&run_dir);
    let name = Name::new(&strategy).expect("a name");
    // On a busy machine the exchange may take longer than either side waits.
    let client = wait_for("it attaches", || Client::attach(&run_dir.join("attach.sock"), name).ok());
    let mut attached = Attached::new(client);
    wait_for("the gate passes", || (attached.gate() == Gate::Pass).then_some(()));
    // SAFETY: no arguments.
    let thread = unsafe { libc::gettid() };
    println!("@ {thread} {} {}", attached.client.grant().lane, attached.target.handle.0);
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("text");
    let order = Order::from_line(&line);
    for (number, (flags, event)) in (0..).zip(order.records()) {
        if number == order.before {
            // SAFETY: a tracer waits for it and lets nobody see it.
            unsafe { libc::raise(libc::SIGTRAP) };
        }
        match attached.client.publish(attached.target.handle, flags, event) {
            Ok(_) => told.count(Told::ACCEPTED_AT),
            Err(_full) => told.count(Told::REFUSED_AT),
        }
    }
    // Not a call that waits: a step would wait as well.
    let by = Instant::now() + 4 * PATIENCE;
    while Instant::now() < by {}
}

/// What became of one strategy process.
#[derive(Debug)]
struct End {
    order: Order,
    consumed: Vec<Words>,
    handle: Handle,
    accepted: u64,
    refused: u64,
    sign: LivenessSign,
    /// From the kill to its lane's closing.
    took: Nanos,
}

struct Scene {
    sidecar: Sidecar,
    core: u32,
    /// The other strategy: its gate passes all the while.
    neighbour: Attached,
    told: Told,
    log: HotLog,
    looked: u64,
    fills: u64,
    next_exec: u64,
    /// Records in the lane before the stepped ones; unless 0 the core stands still meanwhile.
    before: u64,
}

impl Scene {
    fn new(before: u64) -> Self {
        let sidecar = Sidecar::start(&setup());
        let mut neighbour = sidecar.attach_and_pass("two");
        let mark =
            Event::Mark { mark: Some(Ticks(MARK)), index: None, last: None, underlying: None, sequence: 1 };
        neighbour.client.publish(neighbour.target.handle, Flags::empty(), mark).expect("room");
        let segment = Segment::in_file_read_only(&sidecar.run_dir().join("journal").join("hot.log"));
        let log = HotLog::to_read(Arc::new(segment.expect("a hot log"))).expect("a hot log");
        let (core, told) = (sidecar.core(), Told::in_file(&sidecar.run_dir()));
        Self { sidecar, core, neighbour, told, log, looked: FIRST, fills: 0, next_exec: 1, before }
    }

    /// Has a strategy publish and kills it after so many instructions, or when it has published everything; tells how many
    /// it took. `None` where the kernel does not let a test trace its own child.
    fn kill_after(&mut self, most: u64) -> Option<(u64, End)> {
        self.told.forget();
        let mut strategy = StrategyProcess::start_through(&[], &self.sidecar.run_dir(), "one");
        let answer: Vec<u32> =
            strategy.hear().split_whitespace().map(|word| word.parse().expect("a number")).collect();
        let [thread, lane, handle] = answer[..] else { panic!("{answer:?} is no answer") };
        let order = Order { before: self.before, first_exec: self.next_exec, t_venue: utc().0.cast_signed() };
        self.next_exec += 2;
        let stops = self.before != 0;
        if stops {
            signal(self.core, libc::SIGSTOP);
        }
        let traced = Traced::seize(thread)?;
        strategy.tell(&order.line());
        traced.await_trap();
        let mut steps = 0;
        while steps < most && self.told.accepted() + self.told.refused() < self.before + STEPPED {
            traced.step();
            steps += 1;
        }
        signal(strategy.pid(), libc::SIGKILL);
        traced.await_end();
        strategy.kill();
        if stops {
            signal(self.core, libc::SIGCONT);
        }
        let killed = monotonic();
        let (consumed, sign) = self.follow(lane as u16);
        let (took, accepted, refused) =
            (monotonic().since(killed), self.told.accepted(), self.told.refused());
        Some((steps, End { order, consumed, handle: Handle(handle), accepted, refused, sign, took }))
    }

    /// What the journal has of a lane until it was closed, and what it was closed for.
    fn follow(&mut self, lane: u16) -> (Vec<Words>, LivenessSign) {
        let (mut consumed, mut seen) = (Vec::new(), None);
        wait_for("the lane is closed", || {
            // Damaged: the core may write two entries within one look.
            while let Found::Entry(stamp, words) = self.log.read(self.looked) {
                self.looked += 1;
                match decode(&words).map(|message| message.event) {
                    Ok(Event::Lane { lane: of, open: 0, .. }) if of == lane => return Some(()),
                    Ok(Event::Liveness { lane: of, sign, .. })
                        if of == lane && sign != LivenessSign::Alive =>
                    {
                        seen = Some(sign);
                    }
                    _ if stamp.lane == Some(lane) => consumed.push(words),
                    _ => {}
                }
            }
            None
        });
        (consumed, seen.expect("a closed lane has a sign"))
    }

    /// Everything that must hold after a kill; then an operator lets the strategy go on.
    fn judge(&mut self, end: &End, at: &str) {
        let records = end.order.records();
        let published = end.consumed.len() as u64;
        for (number, (words, (flags, event))) in end.consumed.iter().zip(&records).enumerate() {
            let message = Message { flags: *flags, epoch: 0, handle: end.handle, event: *event };
            assert_eq!(without_epoch(words), without_epoch(&encode(&message)), "{at}: record {number}");
        }
        // The one in flight may have made it.
        let in_flight = u64::from(end.refused == 0);
        let possible = end.accepted..=(end.accepted + in_flight).min(records.len() as u64);
        assert!(possible.contains(&published), "{at}: {published} are there, {possible:?} were published");
        assert!(
            matches!(end.sign, LivenessSign::HangUp | LivenessSign::ProcessExited | LivenessSign::Lost),
            "{at}"
        );
        self.fills += end.order.fills(published);
        let causes = self.compare(at);
        let cut = published == end.order.before + STEPPED - 1;
        let reasons: Vec<&str> = causes.iter().map(|cause| cause.reason.as_str()).collect();
        // A strategy that died while it declared a record lost may have said so or not.
        let client = if end.refused != 0 || reasons.contains(&"GAP") { "GAP" } else { "CLIENT_DEAD" };
        assert!(client == "CLIENT_DEAD" || published == SLOTS, "{at}: nothing was lost, {causes:?}");
        assert!(reasons.contains(&client), "{at}: {causes:?}");
        assert_eq!(reasons.contains(&"CORRUPT"), cut, "{at}: half a group, {causes:?}");
        assert_eq!(causes.len(), 1 + usize::from(cut), "{at}: {causes:?}");
        for cause in &causes {
            assert_eq!((cause.scope.as_str(), cause.state.as_str()), ("strategy:one", "HALTED"), "{at}");
            assert_eq!(cause.latch, "sticky", "{at}");
            self.sidecar.reset(cause);
        }
    }

    /// Waits until the status shows what was applied; returns what is halted.
    fn compare(&self, at: &str) -> Vec<CauseReport> {
        let equity = (CAPITAL + self.fills.cast_signed()).to_string();
        let by = Instant::now() + PATIENCE;
        loop {
            let report = self.sidecar.status();
            let looping = report.looping.as_ref().expect("a core");
            let book = report.books.iter().find(|row| row.name == "one/main").expect("its book");
            let booked = looping.fills == self.fills && book.equity.split('.').next() == Some(&equity);
            let is_open = report.lanes.iter().any(|lane| lane.strategy == "one");
            if booked && !is_open && !report.causes.is_empty() {
                assert_eq!((looping.rejected, looping.duplicate_fills), (0, 0), "{at}");
                return report.causes;
            }
            assert!(Instant::now() < by, "{at}: {} fills and {equity} are expected: {report:?}", self.fills);
            pin::sleep(300_000);
        }
    }
}

/// A record as its strategy made it, without what its lane and the journal add.
fn without_epoch(words: &Words) -> [u64; 6] {
    let [_, header, a, b, c, d, e, _] = *words;
    [header & !0xffff_0000, a, b, c, d, e]
}

/// Kills strategies all over the publishing of the stepped records behind `before` others, and tells it.
fn kill_everywhere(what: &str, before: u64, seen: &[u64]) {
    let mut seed = Seed::new("publish_steps");
    let mut scene = Scene::new(before);
    let Some((steps, end)) = scene.kill_after(MOST_STEPS) else {
        return not_run("publish_steps: this kernel does not let a test trace its own children (ptrace)");
    };
    assert_eq!(end.accepted + end.refused, before + STEPPED, "after {steps} instructions");
    scene.judge(&end, "measured");
    let stride = stride(steps, KILLS);
    let (mut kills, mut slowest, mut lengths) = (0, Nanos::ZERO, BTreeSet::new());
    // Not the same instructions in every run, unless each is.
    let mut at = seed.below(stride);
    while at <= steps + stride {
        let (_, end) = scene.kill_after(at).expect("as before");
        scene.judge(&end, &format!("{what}, killed after {at} of {steps} instructions"));
        lengths.insert(end.consumed.len() as u64 - before);
        (kills, slowest, at) = (kills + 1, slowest.max(end.took), at + stride);
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), seen, "how many of the stepped records were there");
    assert_eq!(scene.neighbour.gate(), Gate::Pass);
    println!(
        "{what}: {steps} instructions, every {stride}: {kills} strategies killed, each halted and its lane closed within {:?}",
        std::time::Duration::from_nanos(slowest.0)
    );
    let mut next = scene.sidecar.attach_and_pass("one");
    let event = Event::Fill { order: 0, exec: scene.next_exec, px: Ticks(MARK), qty: Lots(1), fee: 0 };
    next.client.publish(next.target.handle, Flags::empty(), event).expect("an empty lane");
    wait_for("it is consumed", || {
        let (published, consumed) = next.client.positions();
        (published == consumed).then_some(())
    });
}

#[test]
fn wherever_a_strategy_is_killed_in_publish_what_is_there_is_an_exact_prefix_and_it_is_halted() {
    kill_everywhere("a fill and a group", 0, &[0, 1, 2, 3]);
}

#[test]
fn wherever_a_strategy_is_killed_publishing_into_the_last_slots_nothing_is_overwritten_or_lost() {
    // The fill and the group's first record fit; its second is refused.
    kill_everywhere("into the last two slots", SLOTS - 2, &[0, 1, 2]);
}
