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
use support::not_run;
use tripline::engine::limits::{
    ActionCosts, BucketKind, BucketLimits, BucketScope, InstrumentKind, Limits, StrategyLimits, VenueLimits,
};
use tripline::engine::{Engine, LaneVerdict, Source};
use tripline::model::event::{
    DoneStatus, Initiator, Intent, OrderAction, OrderAttrs, OrderId, OrderType, TimeInForce,
};
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Event, Flags, Handle, Lots, Message, Nanos, Reason, Ticks};

/// Strategies the tape is spread over.
const STRATEGIES: u16 = 4;
const ES: u16 = 0;

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
            BucketKind::SlidingLog { limit: 60, window: second },
            ActionCosts::default(),
        ),
        bucket(
            2,
            "venue.smooth",
            BucketScope::Venue(0),
            BucketKind::Gcra { interval: Nanos::from_millis(10), burst: 40 },
            ActionCosts { new: 1, modify: 1, cancel: 0 },
        ),
        bucket(
            3,
            "s0.minute",
            BucketScope::Strategy(0),
            BucketKind::FixedAligned {
                limit: 600,
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
    queued_at: Option<Nanos>,
    last: Option<(Verdict, Option<Reason>, Nanos)>,
    finals: u32,
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

    fn say(&mut self, strategy: u16, flags: Flags, event: Event) -> u64 {
        self.position += 1;
        let position = self.position;
        let handle = Handle::new(strategy, 0, Some(ES));
        let message = Message { flags, epoch: self.engine.epoch() as u16, handle, event };
        if flags.contains(Flags::PERMIT) {
            let action = match event {
                Event::OrderNew { .. } => OrderAction::New,
                Event::OrderModify { .. } => OrderAction::Modify,
                _ => OrderAction::Cancel,
            };
            let asked = Asked { action, strategy, queued_at: None, last: None, finals: 0 };
            self.asked.insert(position, asked);
        }
        self.apply(Source::Lane { lane: strategy, strategy, position }, &message);
        position
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
                send.push((asked.strategy, asked.action, record.order));
            }
        }
        // The venue answers at once.
        for (strategy, action, order) in send {
            self.venue_answers(strategy, action, order);
        }
    }

    fn venue_answers(&mut self, strategy: u16, action: OrderAction, order: u64) {
        let order = OrderId::new(order).expect("orders of the tape have ids");
        let event = match action {
            OrderAction::New => {
                Event::OrderAck { order, venue_key: 0, px: Ticks(0), live_qty: Lots(0), t_venue: 0 }
            }
            OrderAction::Cancel => Event::OrderDone {
                order,
                status: DoneStatus::Canceled,
                initiator: Initiator::Owner,
                cum_qty: Lots(0),
                t_venue: 0,
            },
            OrderAction::Modify => return,
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
                self.say(strategy, side | Flags::PERMIT, event);
            }
            Act::Cancel => {
                self.say(strategy, Flags::PERMIT, Event::OrderCancel { order, attrs });
            }
            Act::Modify => {
                let event = Event::OrderModify { order, px, qty, attrs, new_order: 0 };
                self.say(strategy, side | Flags::PERMIT, event);
            }
            Act::Fill => {
                self.executions += 1;
                let exec = self.executions;
                let event = Event::Fill { order: row.order, exec, px, qty, fee: 0 };
                self.say(strategy, side, event);
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
    let mut finals: HashMap<(Verdict, Option<Reason>), u64> = HashMap::new();
    for (position, asked) in &drive.asked {
        assert_eq!(asked.finals, 1, "{pace}: request {position} {asked:?}");
        let (verdict, reason, _) = asked.last.expect("it has one");
        *finals.entry((verdict, reason)).or_default() += 1;
    }
    let everyone = |_| true;
    let log = busiest(&charged(drive, everyone, ActionCosts::default()), 1_000_000_000);
    assert!(log <= 60, "{pace}: {log} in one second");
    let new_and_modify = ActionCosts { new: 1, modify: 1, cancel: 0 };
    let smooth = charged(drive, everyone, new_and_modify);
    for windows in [1_u64, 10, 100, 1_000] {
        let window = windows * 10_000_000;
        let most = busiest(&smooth, window);
        assert!(most <= 40 + windows, "{pace}: {most} in {windows} intervals beside a burst of 40");
    }
    let mut minutes: HashMap<u64, u64> = HashMap::new();
    // Engine time 1 000 s is a whole minute of the wall clock in this test.
    for (at, cost) in charged(drive, |strategy| strategy == 0, ActionCosts { new: 2, modify: 1, cancel: 1 }) {
        *minutes.entry((at - 1_000_000_000_000) / 60_000_000_000).or_default() += cost;
    }
    let fullest = minutes.values().max().copied().unwrap_or(0);
    assert!(fullest <= 570, "{pace}: {fullest} in one minute");
    let waits = no_cancel_waits_behind_a_new_order(drive, pace);
    let queued = drive.asked.values().filter(|asked| asked.queued_at.is_some()).count();
    let mut finals: Vec<_> = finals.into_iter().collect();
    finals.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    println!(
        "{pace}: {} requests, {queued} queued, cancels waited {waits} times; busiest second {log}/60, minute \
         {fullest}/570; {finals:?}",
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
