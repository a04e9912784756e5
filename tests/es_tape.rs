//! A real order tape driven as requests through the queue: the shape of bursts, cancels and modifications is real, the
//! strategies are not. The tape mixes participants, so its orders are spread over strategies by their id.
//!
//! What is held against the outcome log, counted independently of the engine: each request gets exactly one final
//! verdict; no bucket admits more than its limit in any window; no cancel waits while a new order passes.

mod support;

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::path::Path;

use support::desk::{E9, limits, name};
use support::sidecar::{Attached, Setup, Sidecar};
use support::{not_run, wait_for};
use tripline::engine::limits::{
    ActionCosts, BucketKind, BucketLimits, BucketScope, InstrumentKind, Limits, StrategyLimits, VenueLimits,
};
use tripline::engine::{Engine, LaneVerdict, Source};
use tripline::model::event::{
    DoneStatus, Initiator, Intent, OrderAction, OrderAttrs, OrderId, OrderType, TimeInForce,
};
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Event, Flags, Handle, Lots, Message, Nanos, Reason, Ticks};
use tripline::shm::client::ClientError;
use tripline::wire::answer::Answer;

/// Strategies the tape is spread over.
const STRATEGIES: u16 = 4;
const ES: u16 = 0;

/// Limits of the three buckets.
const PER_SECOND: u32 = 300;
const INTERVAL: u64 = 4_000_000;
const BURST: u32 = 100;
const PER_MINUTE: u32 = 3_000;
/// What a margin of 5 % leaves of the minute.
const OF_MINUTE: u64 = 2_850;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Add,
    Cancel,
    Modify,
    Fill,
}

/// One row of the tape.
#[derive(Clone, Copy, Debug)]
struct Row {
    at: u64,
    act: Act,
    sells: bool,
    /// In hundredths.
    px: i64,
    qty: i64,
    order: u64,
}

/// The tape, or `None` where it is not beside the working copy: then the test says that it did not run.
fn tape() -> Option<Vec<Row>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/es-mbo-2023-12-25.csv.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        not_run(&format!("the ES order tape is not at {}", path.display()));
        return None;
    };
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let mut rows = Vec::new();
    for line in lines.skip(1) {
        let line = line.expect("text");
        let fields: Vec<&str> = line.split(',').collect();
        let [at, act, side, px, qty, order, _] = fields[..] else { panic!("{line}") };
        let number = |text: &str| text.parse::<i64>().unwrap_or_else(|_| panic!("{line}"));
        let act = match act {
            "A" => Act::Add,
            "C" => Act::Cancel,
            "M" => Act::Modify,
            "F" => Act::Fill,
            _ => continue,
        };
        rows.push(Row {
            at: number(at) as u64,
            act,
            sells: side == "A",
            px: number(px) / 10_000_000,
            qty: number(qty),
            order: number(order) as u64,
        });
    }
    Some(rows)
}

fn bucket(id: u32, text: &str, scope: BucketScope, kind: BucketKind, costs: ActionCosts) -> BucketLimits {
    BucketLimits { id, name: name(text), scope, kind, costs, jitter: Nanos::ZERO, start_pct: 0 }
}

/// Four strategies on one account; three kinds of bucket, each tight enough to make the tape wait.
fn desk_limits() -> Limits {
    let mut limits = limits(1_000_000 * E9, vec![]);
    limits.accounts.truncate(1);
    limits.instruments.truncate(1);
    let es = &mut limits.instruments[0];
    (es.name, es.kind) = (name("ES"), InstrumentKind::Linear);
    (es.price_decimals, es.qty_decimals, es.tick) = (2, 0, Ticks(25));
    es.multiplier_e9 = 50 * 1_000_000_000;
    let strategy = limits.strategies[0].clone();
    limits.strategies = (0..STRATEGIES)
        .map(|index| StrategyLimits {
            name: name(&format!("s{index}")),
            heartbeat: Nanos::from_secs(1_000_000_000),
            duplicates: None,
            ..strategy.clone()
        })
        .collect();
    let book = limits.books[0].clone();
    limits.books = (0..STRATEGIES)
        .map(|strategy| tripline::engine::limits::BookLimits { strategy, ..book.clone() })
        .collect();
    let second = Nanos::from_secs(1);
    limits.venues = vec![VenueLimits::new(name("venue"))];
    limits.buckets = vec![
        bucket(
            1,
            "account.log",
            BucketScope::Account(0),
            BucketKind::SlidingLog { limit: PER_SECOND, window: second },
            ActionCosts::default(),
        ),
        bucket(
            2,
            "venue.smooth",
            BucketScope::Venue(0),
            BucketKind::Gcra { interval: Nanos(INTERVAL), burst: BURST },
            ActionCosts { new: 1, modify: 1, cancel: 0 },
        ),
        bucket(
            3,
            "s0.minute",
            BucketScope::Strategy(0),
            BucketKind::FixedAligned {
                limit: PER_MINUTE,
                window: Nanos::from_secs(60),
                offset: Nanos::ZERO,
                margin: Bps(500),
            },
            ActionCosts { new: 2, modify: 1, cancel: 1 },
        ),
    ];
    limits.capacity.orders = 65_536;
    limits.capacity.lanes = STRATEGIES;
    limits
}

/// What became of one request.
#[derive(Clone, Debug)]
struct Asked {
    action: OrderAction,
    strategy: u16,
    row: Row,
    queued_at: Option<Nanos>,
    last: Option<(Verdict, Option<Reason>, Nanos)>,
    finals: u32,
}

/// An order at the venue.
#[derive(Clone, Copy)]
struct Live {
    sells: bool,
    total: i64,
    filled: i64,
}

/// The engine, its requests and what became of them.
struct Drive {
    engine: Engine,
    now: Nanos,
    position: u64,
    asked: BTreeMap<u64, Asked>,
    /// Verdicts in the order in which they were given.
    log: Vec<(Nanos, LaneVerdict)>,
    executions: u64,
    /// What works at the venue.
    live: HashMap<u64, Live>,
}

impl Drive {
    fn new() -> Self {
        let now = Nanos::from_secs(1_000);
        let mut drive = Self {
            engine: Engine::new(desk_limits(), now),
            now,
            position: 0,
            asked: BTreeMap::new(),
            log: Vec::new(),
            executions: 0,
            live: HashMap::new(),
        };
        drive.own(Event::WallClock { utc_ns: 1_703_422_800_000_000_000 });
        for lane in 0..STRATEGIES {
            drive.own(Event::Lane { lane, strategy: lane, open: 1, generation: 1 });
        }
        drive
    }

    fn own(&mut self, event: Event) {
        let message = Message { flags: Flags::empty(), epoch: 0, handle: Handle(0), event };
        self.apply(Source::Sidecar, &message);
    }

    fn ask(&mut self, strategy: u16, flags: Flags, event: Event, row: &Row) {
        let action = match row.act {
            Act::Add => OrderAction::New,
            Act::Modify => OrderAction::Modify,
            Act::Cancel | Act::Fill => OrderAction::Cancel,
        };
        let asked = Asked { action, strategy, row: *row, queued_at: None, last: None, finals: 0 };
        self.asked.insert(self.position + 1, asked);
        self.say(strategy, flags | Flags::PERMIT, event);
    }

    fn say(&mut self, strategy: u16, flags: Flags, event: Event) {
        self.position += 1;
        let position = self.position;
        let handle = Handle::new(strategy, 0, Some(ES));
        let message = Message { flags, epoch: self.engine.epoch() as u16, handle, event };
        self.apply(Source::Lane { lane: strategy, strategy, position }, &message);
    }

    fn apply(&mut self, source: Source, message: &Message) {
        let given = self.engine.apply(self.now, source, message).verdicts().to_vec();
        let mut send = Vec::new();
        for verdict in given {
            self.log.push((self.now, verdict));
            let asked = self.asked.get_mut(&verdict.position).expect("only what was asked is answered");
            let record = verdict.record;
            if record.verdict == Verdict::Queued {
                assert!(asked.queued_at.is_none() && asked.finals == 0, "queued once, and first");
                asked.queued_at = Some(self.now);
                continue;
            }
            asked.finals += 1;
            asked.last = Some((record.verdict, record.reason, self.now));
            if record.verdict.may_send() {
                send.push((asked.strategy, asked.row));
            }
        }
        // The venue answers at once.
        for (strategy, row) in send {
            self.venue_answers(strategy, row);
        }
    }

    fn venue_answers(&mut self, strategy: u16, row: Row) {
        let order = OrderId::new(row.order).expect("orders of the tape have ids");
        let (px, qty, none) = (Ticks(row.px), Lots(row.qty), Lots(0));
        let event = match row.act {
            Act::Add => {
                self.live.insert(row.order, Live { sells: row.sells, total: row.qty, filled: 0 });
                Event::OrderAck { order, venue_key: 0, px, live_qty: qty, t_venue: 0 }
            }
            Act::Cancel if self.live.remove(&row.order).is_some() => Event::OrderDone {
                order,
                status: DoneStatus::Canceled,
                initiator: Initiator::Owner,
                cum_qty: none,
                t_venue: 0,
            },
            Act::Modify if self.live.contains_key(&row.order) => {
                self.live.entry(row.order).and_modify(|live| live.total = row.qty);
                self.live.retain(|_, live| live.filled < live.total);
                Event::OrderModified { order, px, qty, cum_qty: none, t_venue: 0 }
            }
            Act::Cancel | Act::Modify | Act::Fill => return,
        };
        self.say(strategy, Flags::empty(), event);
    }

    fn advance(&mut self, to: Nanos) {
        while self.engine.next_deadline() <= to {
            let due = self.engine.next_deadline();
            self.now = self.now.max(due);
            self.own(Event::Timer { due });
        }
        self.now = self.now.max(to);
    }

    fn row(&mut self, row: &Row) {
        let strategy = (row.order % u64::from(STRATEGIES)) as u16;
        let attrs = OrderAttrs {
            order_type: OrderType::Limit,
            tif: TimeInForce::Day,
            intent: Intent::Open,
            directive: 0,
        };
        let order = OrderId::new(row.order).expect("orders of the tape have ids");
        let side = if row.sells { Flags::SELL } else { Flags::empty() };
        let (px, qty) = (Ticks(row.px), Lots(row.qty));
        match row.act {
            Act::Add => {
                let (group, leg, list_count) = (0, 0, 0);
                let event = Event::OrderNew { order, px, qty, attrs, group, leg, list_count };
                self.ask(strategy, side, event, row);
            }
            Act::Cancel => self.ask(strategy, Flags::empty(), Event::OrderCancel { order, attrs }, row),
            Act::Modify => {
                let event = Event::OrderModify { order, px, qty, attrs, new_order: 0 };
                self.ask(strategy, side, event, row);
            }
            Act::Fill => {
                // Only what was sent can fill, and no more of it than is left.
                let Some(live) = self.live.get_mut(&row.order) else { return };
                let side = if live.sells { Flags::SELL } else { Flags::empty() };
                let qty = row.qty.min(live.total - live.filled);
                live.filled += qty;
                if live.filled == live.total {
                    self.live.remove(&row.order);
                }
                self.executions += 1;
                let (exec, qty) = (self.executions, Lots(qty));
                self.say(strategy, side, Event::Fill { order: row.order, exec, px, qty, fee: 0 });
            }
        }
    }
}

/// Units each permission was charged to a bucket, by when: counted from the log alone.
fn charged(drive: &Drive, applies: impl Fn(u16) -> bool, costs: ActionCosts) -> Vec<(u64, u64)> {
    let mut charged = Vec::new();
    for (at, verdict) in drive.log.iter().filter(|(_, verdict)| verdict.record.verdict.may_send()) {
        let asked = &drive.asked[&verdict.position];
        let cost = match asked.action {
            OrderAction::New => costs.new,
            OrderAction::Modify => costs.modify,
            OrderAction::Cancel => costs.cancel,
        };
        if applies(asked.strategy) && cost > 0 {
            charged.push((at.0, u64::from(cost)));
        }
    }
    charged
}

/// The most that any window (t − length, t] holds.
fn busiest(charged: &[(u64, u64)], length: u64) -> u64 {
    let (mut first, mut sum, mut most) = (0, 0, 0);
    for &(at, cost) in charged {
        sum += cost;
        while at - charged[first].0 >= length {
            sum -= charged[first].1;
            first += 1;
        }
        most = most.max(sum);
    }
    most
}

fn check(drive: &Drive, pace: &str) {
    let causes: Vec<_> = drive.engine.cause_rows().collect();
    assert!(causes.is_empty(), "{pace}: nothing on the tape halts anybody: {causes:?}");
    let mut finals: HashMap<(Verdict, Option<Reason>), u64> = HashMap::new();
    for (position, asked) in &drive.asked {
        assert_eq!(asked.finals, 1, "{pace}: request {position} {asked:?}");
        let (verdict, reason, _) = asked.last.expect("it has one");
        *finals.entry((verdict, reason)).or_default() += 1;
    }
    let everyone = |_| true;
    let log = busiest(&charged(drive, everyone, ActionCosts::default()), 1_000_000_000);
    assert!(log <= u64::from(PER_SECOND), "{pace}: {log} in one second");
    let new_and_modify = ActionCosts { new: 1, modify: 1, cancel: 0 };
    let smooth = charged(drive, everyone, new_and_modify);
    for windows in [1_u64, 10, 100, 1_000] {
        let window = windows * INTERVAL;
        let most = busiest(&smooth, window);
        assert!(most <= u64::from(BURST) + windows, "{pace}: {most} in {windows} intervals beside a burst");
    }
    let mut minutes: HashMap<u64, u64> = HashMap::new();
    // Engine time 1 000 s is a whole minute of the wall clock in this test.
    for (at, cost) in charged(drive, |strategy| strategy == 0, ActionCosts { new: 2, modify: 1, cancel: 1 }) {
        *minutes.entry((at - 1_000_000_000_000) / 60_000_000_000).or_default() += cost;
    }
    let fullest = minutes.values().max().copied().unwrap_or(0);
    assert!(fullest <= OF_MINUTE, "{pace}: {fullest} in one minute");
    let waits = no_cancel_waits_behind_a_new_order(drive, pace);
    let queued = drive.asked.values().filter(|asked| asked.queued_at.is_some()).count();
    let mut finals: Vec<_> = finals.into_iter().collect();
    finals.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    println!(
        "{pace}: {} requests, {queued} queued, cancels waited {waits} times; busiest second {log}/{PER_SECOND}, minute \
         {fullest}/{OF_MINUTE}; {finals:?}",
        drive.asked.len()
    );
}

/// While a cancel waits, no new order of any strategy may be permitted: they are charged to the same bucket.
fn no_cancel_waits_behind_a_new_order(drive: &Drive, pace: &str) -> usize {
    let mut waiting: HashMap<u64, u16> = HashMap::new();
    let mut waits = 0;
    for (at, verdict) in &drive.log {
        let asked = &drive.asked[&verdict.position];
        match (asked.action, verdict.record.verdict) {
            (OrderAction::Cancel, Verdict::Queued) => {
                waits += 1;
                waiting.insert(verdict.position, asked.strategy);
            }
            (OrderAction::Cancel, _) => {
                waiting.remove(&verdict.position);
            }
            // The minute of strategy 0 may hold back its own cancels alone.
            (OrderAction::New, Verdict::Pass | Verdict::Released) => {
                let passed_over = waiting.iter().find(|&(_, &strategy)| strategy != 0 || asked.strategy == 0);
                assert_eq!(passed_over, None, "{pace}: at {at:?} {verdict:?} passed a waiting cancel");
            }
            _ => {}
        }
    }
    waits
}

fn drive(rows: &[Row], pace: &str, gap: impl Fn(u64) -> u64) {
    let mut drive = Drive::new();
    let mut last = rows[0].at;
    let mut at = drive.now;
    for row in rows {
        at = at.after(Nanos(gap(row.at.saturating_sub(last))));
        last = row.at.max(last);
        drive.advance(at);
        drive.row(row);
    }
    let end = drive.now.after(Nanos::from_secs(3_600));
    drive.advance(end);
    assert!(drive.asked.len() > 59_000, "the whole tape was driven");
    check(&drive, pace);
}

#[test]
fn the_tape_a_hundred_times_faster_keeps_every_promise_of_the_queue() {
    if let Some(rows) = tape() {
        drive(&rows, "100x", |gap| gap / 100);
    }
}

#[test]
fn the_tape_a_thousand_times_faster_keeps_every_promise_of_the_queue() {
    if let Some(rows) = tape() {
        drive(&rows, "1000x", |gap| gap / 1_000);
    }
}

#[test]
fn the_tape_flat_out_keeps_every_promise_of_the_queue() {
    if let Some(rows) = tape() {
        drive(&rows, "flat out", |_| 1_000);
    }
}

/// Buckets of the real sidecar: a tenth of what the tape sends flat out, so that both are full most of the time.
const TABLES: &str = r#"
[[bucket]]
id = 1
name = "account.log"
scope = "account:main"
kind = "sliding_log"
limit = 20000
window = "1s"
jitter = "10s"
start = "empty"
[[bucket]]
id = 2
name = "venue.smooth"
scope = "venue:test"
kind = "gcra"
interval = "200us"
burst = 1000
costs = { new = 1, modify = 1, cancel = 0 }
jitter = "10s"
start = "empty"
"#;

/// How long a permission of the shared set-up may be used.
const VALID_FOR: u64 = 10_000_000_000;

/// One strategy of the tape in front of a real sidecar.
struct Asker {
    attached: Attached,
    open: HashMap<u64, Row>,
}

/// Everything the real sidecar answered.
#[derive(Default)]
struct Answers {
    finals: HashMap<(Verdict, Option<Reason>), u64>,
    queued: u64,
    sent: Vec<(u64, OrderAction)>,
}

impl Asker {
    fn ask(&mut self, row: &Row, answers: &mut Answers) {
        let attrs = OrderAttrs {
            order_type: OrderType::Limit,
            tif: TimeInForce::Day,
            intent: Intent::Open,
            directive: 0,
        };
        let order = OrderId::new(row.order).expect("orders of the tape have ids");
        let (px, qty, new_order) = (Ticks(row.px), Lots(row.qty), 0);
        let event = match row.act {
            Act::Add => Event::OrderNew { order, px, qty, attrs, group: 0, leg: 0, list_count: 0 },
            Act::Cancel => Event::OrderCancel { order, attrs },
            Act::Modify => Event::OrderModify { order, px, qty, attrs, new_order },
            Act::Fill => return,
        };
        let flags = if row.sells { Flags::SELL } else { Flags::empty() };
        let flags = if row.act == Act::Cancel { Flags::empty() } else { flags };
        wait_for("room for a request", || {
            match self.attached.client.request(self.attached.target.handle, flags, event) {
                Ok(position) => {
                    self.open.insert(position, *row);
                    Some(())
                }
                Err(ClientError::Busy) => {
                    self.listen(answers);
                    None
                }
                Err(error) => panic!("{error}"),
            }
        });
        self.listen(answers);
    }

    fn listen(&mut self, answers: &mut Answers) {
        while let Some(answer) = self.attached.client.poll().expect("its own handle") {
            let Answer::Verdict { record, position, .. } = answer else { continue };
            if record.verdict == Verdict::Queued {
                assert!(self.open.contains_key(&position), "queued after its final verdict");
                answers.queued += 1;
                continue;
            }
            let row = self.open.remove(&position).expect("one final verdict for each request");
            *answers.finals.entry((record.verdict, record.reason)).or_default() += 1;
            if record.verdict.may_send() {
                let action = OrderAction::from_raw(record.action).expect("an action");
                answers.sent.push((record.measured as u64 - VALID_FOR, action));
                self.venue_answers(&row);
            }
        }
    }

    fn venue_answers(&mut self, row: &Row) {
        let order = OrderId::new(row.order).expect("orders of the tape have ids");
        let (px, none) = (Ticks(row.px), Lots(0));
        let event = match row.act {
            Act::Add => Event::OrderAck { order, venue_key: 0, px, live_qty: none, t_venue: 0 },
            Act::Modify => Event::OrderModified { order, px, qty: Lots(row.qty), cum_qty: none, t_venue: 0 },
            _ => Event::OrderDone {
                order,
                status: DoneStatus::Canceled,
                initiator: Initiator::Owner,
                cum_qty: none,
                t_venue: 0,
            },
        };
        let handle = self.attached.target.handle;
        wait_for("room for an answer", || {
            (self.attached.client.free_slots().expect("its own") > 0).then_some(())
        });
        self.attached.client.publish(handle, Flags::empty(), event).expect("there is room");
    }
}

#[test]
fn the_tape_flat_out_through_a_real_sidecar_gets_one_verdict_a_request() {
    let Some(rows) = tape() else { return };
    let setup = Setup {
        lease: "5s",
        lane_slots: 1_024,
        orders: 65_536,
        strategies: ["s0", "s1", "s2", "s3"].map(|name| (name, "1h", None)).to_vec(),
        keys: "duplicates = \"off\"",
        tables: TABLES,
        ..Setup::default()
    };
    let sidecar = Sidecar::start(&setup);
    let mut askers: Vec<Asker> = ["s0", "s1", "s2", "s3"]
        .iter()
        .map(|name| Asker { attached: sidecar.attach_and_pass(name), open: HashMap::new() })
        .collect();
    let mut answers = Answers::default();
    let began = std::time::Instant::now();
    let mut asked = 0;
    for row in rows.iter().filter(|row| row.act != Act::Fill) {
        asked += 1;
        askers[(row.order % 4) as usize].ask(row, &mut answers);
    }
    let took = began.elapsed();
    wait_for("the last verdict", || {
        askers.iter_mut().for_each(|asker| asker.listen(&mut answers));
        askers.iter().all(|asker| asker.open.is_empty()).then_some(())
    });
    assert_eq!(answers.finals.values().sum::<u64>(), asked);
    assert_eq!(sidecar.status().causes, []);
    answers.sent.sort_unstable_by_key(|&(at, _)| at);
    let all: Vec<_> = answers.sent.iter().map(|&(at, _)| (at, 1)).collect();
    let log = busiest(&all, 11_000_000_000);
    assert!(log <= 20_000, "{log} in one window and its jitter");
    let charged = answers.sent.iter().filter(|&&(_, action)| action != OrderAction::Cancel);
    let smooth: Vec<_> = charged.map(|&(at, _)| (at, 1)).collect();
    for windows in [1_u64, 10, 100, 1_000] {
        let most = busiest(&smooth, windows * 200_000);
        assert!(most <= 1_000 + windows, "{most} in {windows} intervals beside a burst");
    }
    println!(
        "real sidecar, flat out: {asked} requests in {took:?}, {} queued, busiest 11 s {log}/20000; {:?}",
        answers.queued, answers.finals
    );
}
