//! An engine and one restored from its snapshot are told the same, and must be the same.
//!
//! What an engine holds is compared by what it prints of itself, which is every field; which bucket of a table leads to
//! an entry is left out, since a restored table is filled in another order. A failure prints the seed that replays it.

mod support;

#[path = "engine_snapshot/breach.rs"]
mod breach;
#[path = "engine_snapshot/connections.rs"]
mod connections;
#[path = "engine_snapshot/damage.rs"]
mod damage;
#[path = "engine_snapshot/figures.rs"]
mod figures;
#[path = "engine_snapshot/lists.rs"]
mod lists;

use std::collections::BTreeMap;

use support::busy_days::{book_limits, book_record, order_limits, order_record, sidecar};
use support::desk::{PERP, PLAIN, attrs, id, order_with};
use support::exposure_oracle::{Oracle, Said};
use support::exposure_tape::{Act, Flavour, Tape, random_limits, records};
use support::seed::Seed;
use tripline::engine::limits::DropMode;
use tripline::engine::{Engine, Limits, Source};
use tripline::model::event::{
    CommandVerb, DirectiveStatus, FeedbackForm, InstrumentStatus, Intent, LivenessSign, OrderAction,
    OrderAttrs, RejectClass,
};
use tripline::model::{Event, Flags, Handle, Lots, Message, Nanos, Ticks};

/// One record in so many is followed by a restart.
const RESTARTS: u64 = 40;

/// The engine that goes on, and the one restored last.
struct Pair {
    lasting: Engine,
    restored: Engine,
    now: Nanos,
    /// What there was to be restored, and how often.
    seen: BTreeMap<&'static str, u32>,
}

impl Pair {
    fn new(limits: Limits) -> Self {
        let now = Nanos::from_secs(1);
        let lasting = Engine::new(limits, now);
        let restored = Engine::restore(&lasting.snapshot()).expect("the snapshot of a new engine");
        let mut pair = Self { lasting, restored, now, seen: BTreeMap::new() };
        for lane in [0, 1] {
            pair.apply(
                Source::Sidecar,
                &sidecar(Event::Lane { lane, strategy: lane, open: 1, generation: 1 }),
            );
        }
        pair
    }

    fn apply(&mut self, source: Source, message: &Message) {
        self.lasting.apply(self.now, source, message);
        self.restored.apply(self.now, source, message);
        self.assert_same_answer();
    }

    /// Moves the clock, with a TIMER for each deadline on the way.
    fn advance(&mut self, to: Nanos) {
        while self.lasting.next_deadline() <= to {
            let due = self.lasting.next_deadline();
            self.now = self.now.max(due);
            self.apply(Source::Sidecar, &sidecar(Event::Timer { due }));
        }
        self.now = self.now.max(to);
    }

    fn command(&mut self, event: Event) {
        self.apply(Source::Operator, &sidecar(event));
    }

    /// Resets whatever holds.
    fn reset_everything(&mut self) {
        for index in (0..self.lasting.cause_count()).rev() {
            let Some(cause) = self.lasting.cause_row(index) else { continue };
            let (scope, guard) = (cause.scope.expect("a scope"), cause.guard as u16);
            let verb = CommandVerb::Reset;
            self.command(Event::Command {
                id: 1,
                scope,
                verb,
                rebase: 1,
                guard,
                actor: 1,
                nonce: cause.nonce,
                acks: 0,
            });
        }
    }

    /// The restored engine is given up, and another restored.
    fn restart(&mut self) {
        let bytes = self.lasting.snapshot();
        assert!(self.restored.snapshot() == bytes, "the engines differ, or write themselves differently");
        self.note();
        self.restored = Engine::restore(&bytes).expect("its own snapshot");
        assert!(self.restored.snapshot() == bytes, "a restored engine writes itself differently");
        self.assert_same_answer();
        self.assert_same_inside();
    }

    fn assert_same_answer(&self) {
        let (lasting, restored) = (&self.lasting, &self.restored);
        let (was, is) = (lasting.outcome(), restored.outcome());
        assert_eq!(was.changes(), is.changes());
        assert_eq!(was.transitions(), is.transitions());
        assert_eq!(was.verdicts(), is.verdicts());
        assert_eq!(was.directives(), is.directives());
        assert_eq!(was.reply(), is.reply());
        assert_eq!(lasting.next_deadline(), restored.next_deadline());
        assert_eq!(lasting.epoch(), restored.epoch());
        assert_eq!(lasting.counters(), restored.counters());
        assert!(lasting.words().eq(restored.words()));
        assert!(lasting.account_rows().eq(restored.account_rows()));
        assert!(lasting.book_rows().eq(restored.book_rows()));
        assert!(lasting.guard_rows().eq(restored.guard_rows()));
        assert!(lasting.cause_rows().eq(restored.cause_rows()));
        assert!(lasting.breaker_rows().eq(restored.breaker_rows()));
        assert!(lasting.bucket_rows().eq(restored.bucket_rows()));
        assert!(lasting.queue_rows().eq(restored.queue_rows()));
        assert!(lasting.directive_rows().eq(restored.directive_rows()));
        assert!(lasting.straggler_rows().eq(restored.straggler_rows()));
    }

    fn assert_same_inside(&self) {
        let (was, is) = (inside(&self.lasting), inside(&self.restored));
        if was != is {
            let at = was.bytes().zip(is.bytes()).take_while(|(was, is)| was == is).count();
            let near = |text: &str| text[at.saturating_sub(200)..(at + 80).min(text.len())].to_owned();
            panic!("lasting  …{}\nrestored …{}", near(&was), near(&is));
        }
    }

    /// Whether the last record began or ended a cause: rare, and worth a restart right there.
    fn has_just_turned(&self) -> bool {
        !self.lasting.outcome().transitions().is_empty()
    }

    fn note(&mut self) {
        let engine = &self.lasting;
        let outcome = engine.outcome();
        for (what, is_there) in [
            ("a cause", engine.cause_count() > 0),
            ("a directive", engine.directive_rows().any(|row| row.id != 0)),
            ("a straggler", engine.straggler_rows().any(|row| row.sequence != 0)),
            ("a transition", !outcome.transitions().is_empty()),
            ("a verdict", !outcome.verdicts().is_empty()),
            ("a word", !outcome.changes().is_empty()),
            ("an open breaker", engine.breaker_rows().any(|row| row.open)),
            ("a closed bucket", engine.bucket_rows().any(|row| row.closed_until > self.now)),
            ("a used bucket", engine.bucket_rows().any(|row| row.used > 0)),
            ("an armed drawdown", engine.guard_rows().any(|row| row.armed)),
            ("a tripped drawdown", engine.guard_rows().any(|row| row.trips > 0)),
            ("a waiting request", engine.queue_rows().any(|row| row.depth > 0)),
        ] {
            *self.seen.entry(what).or_default() += u32::from(is_there);
        }
    }

    /// The end of a tape: as long as the engines are not restored they are told the same and stay the same.
    fn finish(mut self) -> BTreeMap<&'static str, u32> {
        self.advance(self.now.after(Nanos::from_secs(100)));
        assert!(self.lasting.snapshot() == self.restored.snapshot());
        self.assert_same_inside();
        self.seen
    }
}

/// All that an engine prints of itself, without the buckets of its tables.
fn inside(engine: &Engine) -> String {
    let text = format!("{engine:?}");
    let mut parts = text.split("Table { buckets: [");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.split_once(']').expect("the end of the buckets").1);
    }
    kept
}

/// Limits with small tables, so that what is oldest is forgotten and its place is used again.
fn small(mut limits: Limits) -> Limits {
    (limits.capacity.orders, limits.capacity.executions) = (256, 256);
    limits
}

fn add(tally: &mut BTreeMap<&'static str, u32>, seen: BTreeMap<&'static str, u32>) {
    seen.into_iter().for_each(|(what, count)| *tally.entry(what).or_default() += count);
}

fn assert_seen(tally: &BTreeMap<&'static str, u32>, expected: &[&str]) {
    println!("{tally:?}");
    for what in expected {
        assert!(tally[what] >= 5, "{what} was there {} times only: {tally:?}", tally[what]);
    }
}

/// What else happens at a desk where orders are placed by chance.
fn other_record(seed: &mut Seed, engine: &Engine, step: u64) -> (Source, Flags, Event) {
    let lane = seed.below(2) as u16;
    let strategy = Source::Lane { lane, strategy: lane, position: step };
    let directive = engine.directive_rows().nth(seed.below(3) as usize).map_or(1, |row| row.id);
    let number = seed.number();
    match seed.below(10) {
        0 => (Source::Sidecar, Flags::empty(), Event::WallClock { utc_ns: (number % 300_000_000) as i64 }),
        1 => {
            let (bucket, http) = (number as u32 % 3 + 1, [200, 429, 418][(number >> 8) as usize % 3]);
            let form = if number & 64 == 0 { FeedbackForm::Used } else { FeedbackForm::Remaining };
            let (value, retry_after) = (number >> 32 & 63, 3_000_000);
            let event =
                Event::RateFeedback { bucket, http, form, value, window: 0, reset_utc_ns: 0, retry_after };
            (strategy, Flags::empty(), event)
        }
        2 => {
            let status = DirectiveStatus::from_raw(number as u32 % 6).expect("a status");
            (
                strategy,
                Flags::empty(),
                Event::DirectiveAck { directive, status, remaining: Lots(1), detail: 0 },
            )
        }
        3 => {
            let attrs = OrderAttrs { intent: Intent::Exit, directive: directive as u32, ..attrs() };
            let Event::OrderNew { order, px, qty, .. } = order_with(Intent::Exit, 0, step, 1, 1_000) else {
                unreachable!("a new order")
            };
            let event = Event::OrderNew { order, px, qty, attrs, group: 0, leg: 0, list_count: 0 };
            (strategy, if number & 1 == 0 { Flags::SELL } else { Flags::empty() }, event)
        }
        4 => {
            let event = Event::Lane { lane, strategy: lane, open: (number & 1) as u8, generation: step };
            (Source::Sidecar, Flags::empty(), event)
        }
        5 => {
            let sign = LivenessSign::from_raw([0, 0, 0, 1, 3, 5][number as usize % 6]).expect("a sign");
            (Source::Sidecar, Flags::empty(), Event::Liveness { lane, strategy: lane, sign, beat: step })
        }
        6 => {
            let state = InstrumentStatus::from_raw([0, 0, 0, 1, 2][number as usize % 5]).expect("a state");
            (strategy, Flags::empty(), Event::InstrumentState { state, next_change_utc_ns: 0, t_venue: 0 })
        }
        7 => {
            let rest = Event::OrderExt {
                order: id(step),
                trigger_px: Ticks(0),
                expiry_utc_ns: 0,
                quote_cost: 0,
                parent: step / 2,
            };
            (strategy, if number & 1 == 0 { Flags::MORE } else { Flags::empty() }, rest)
        }
        8 => (strategy, Flags::MORE, order_with(Intent::Open, 0, step, 1, 1_000)),
        _ => (Source::Sidecar, Flags::empty(), Event::Stall { duration: Nanos(number % 1_000_000) }),
    }
}

fn refused(order: u64) -> Event {
    let (class, action) = (RejectClass::Invalid, OrderAction::New);
    Event::OrderReject { order: id(order), class, action, venue_code: -1, cum_qty: Lots(0), t_venue: 0 }
}

#[test]
fn a_restored_engine_goes_on_with_orders_and_requests_as_if_nothing_had_happened() {
    let mut seed = Seed::new("engine_snapshot a_restored_engine_goes_on_with_orders");
    let mut tally = BTreeMap::new();
    for drop_mode in [DropMode::RejectNew, DropMode::DropOldest, DropMode::DropLowest, DropMode::Halt] {
        let mut pair = Pair::new(small(order_limits(drop_mode)));
        let mut ids = Vec::new();
        for step in 1..6_000 {
            pair.advance(pair.now.after(Nanos(seed.below(200_000))));
            let lane = seed.below(2) as u16;
            let (source, flags, event) = if seed.below(20) == 0 {
                other_record(&mut seed, &pair.lasting, step)
            } else {
                let (flags, event) = order_record(&mut seed, &ids, step);
                (Source::Lane { lane, strategy: lane, position: step }, flags, event)
            };
            if matches!(event, Event::OrderNew { .. }) {
                ids.push(step);
                ids.drain(..ids.len().saturating_sub(64));
            }
            let tag = if let Source::Lane { lane, .. } = source { lane } else { 0 };
            let (epoch, handle) = (pair.lasting.epoch() as u16, Handle::new(tag, 0, Some(PLAIN)));
            pair.apply(source, &Message { flags, epoch, handle, event });
            if seed.below(RESTARTS) == 0 || pair.has_just_turned() && seed.below(8) == 0 {
                pair.restart();
            }
            if step % 8 == 0 {
                pair.reset_everything();
            }
            if step % 50 == 0 {
                for lane in [0, 1] {
                    let event = Event::Lane { lane, strategy: lane, open: 1, generation: step };
                    pair.apply(Source::Sidecar, &sidecar(event));
                }
            }
        }
        println!("{drop_mode:?}: {:?}", pair.lasting.counters());
        add(&mut tally, pair.finish());
    }
    let expected = [
        "a cause",
        "a directive",
        "a straggler",
        "a transition",
        "a verdict",
        "a word",
        "a closed bucket",
        "a used bucket",
        "an armed drawdown",
        "a waiting request",
    ];
    assert_seen(&tally, &expected);
}

#[test]
fn a_breaker_that_is_open_is_still_open_and_closes_at_the_same_time() {
    let mut pair = Pair::new(small(order_limits(DropMode::RejectNew)));
    let mut order = 0;
    let mut refuse = |pair: &mut Pair| {
        order += 1;
        pair.advance(pair.now.after(Nanos::from_millis(1)));
        let (epoch, handle) = (pair.lasting.epoch() as u16, Handle::new(0, 0, Some(PLAIN)));
        let source = Source::Lane { lane: 0, strategy: 0, position: order };
        pair.apply(source, &Message { flags: Flags::empty(), epoch, handle, event: refused(order) });
    };
    let is_open = |pair: &Pair| pair.lasting.breaker_rows().any(|row| row.open);
    while !is_open(&pair) {
        refuse(&mut pair);
        assert!(pair.now < Nanos::from_secs(60), "errors without end open no breaker");
    }
    pair.restart();
    (0..5).for_each(|_| refuse(&mut pair));
    assert!(is_open(&pair));
    pair.advance(pair.now.after(Nanos::from_secs(600)));
    pair.restart();
    refuse(&mut pair);
    pair.finish();
}

#[test]
fn a_restored_engine_goes_on_with_books_and_drawdowns_as_if_nothing_had_happened() {
    let mut seed = Seed::new("engine_snapshot a_restored_engine_goes_on_with_books");
    let mut pair = Pair::new(small(book_limits()));
    for step in 1..20_000_u64 {
        pair.advance(Nanos::from_secs(1).after(Nanos(step * 100_000)));
        let (source, message) = book_record(step);
        pair.apply(source, &message);
        if seed.below(2 * RESTARTS) == 0 || pair.has_just_turned() && seed.below(8) == 0 {
            pair.restart();
        }
        if step % 40 == 0 {
            pair.reset_everything();
        }
    }
    println!("{:?}", pair.lasting.counters());
    let expected = ["a cause", "a transition", "a word", "an armed drawdown", "a tripped drawdown"];
    assert_seen(&pair.finish(), &expected);
}

/// What happens on a tape, as the oracle alone sees it.
fn acts(seed: &mut Seed, limits: &Limits, flavour: Flavour) -> Vec<Act> {
    let mut oracle = Oracle::new(limits.clone(), 1_000_000_000);
    let mut tape = Tape::new(seed, flavour);
    let mut acts = Vec::new();
    for _ in 0..250 {
        let act = tape.next(&oracle);
        match &act {
            Act::Say(said) if said.flags.contains(Flags::PERMIT) => {
                if oracle.answer(said).permits() {
                    oracle.announce(said);
                }
            }
            Act::Say(said) => oracle.hear(said),
            Act::Wait(duration) => oracle.now += duration.0,
            Act::Command { verb, scope } => oracle.command(*verb, *scope, 0),
            Act::Reset { scope, guard } => oracle.command(CommandVerb::Reset, *scope, *guard),
            Act::Lose { strategy } => oracle.lose(*strategy),
            Act::Finish => {}
        }
        acts.push(act);
    }
    acts
}

impl Pair {
    fn play(&mut self, act: &Act, position: &mut u64) {
        match act {
            Act::Say(said) => self.say(said, position),
            Act::Wait(duration) => self.advance(self.now.after(*duration)),
            Act::Command { verb, scope } => {
                let (scope, verb) = (*scope, *verb);
                self.command(Event::Command {
                    id: 1,
                    scope,
                    verb,
                    rebase: 0,
                    guard: 0,
                    actor: 1,
                    nonce: 0,
                    acks: 0,
                });
            }
            Act::Lose { strategy } => {
                let (lane, strategy, sign) = (*strategy, *strategy, LivenessSign::Lost);
                self.apply(Source::Sidecar, &sidecar(Event::Liveness { lane, strategy, sign, beat: 0 }));
            }
            Act::Reset { .. } => self.reset_everything(),
            Act::Finish => {}
        }
    }

    fn say(&mut self, said: &Said, position: &mut u64) {
        let book = &self.lasting.limits().books[usize::from(said.book)];
        let (strategy, account) = (book.strategy, book.account);
        for (flags, event) in records(said) {
            let (epoch, handle) =
                (self.lasting.epoch() as u16, Handle::new(strategy, account, said.instrument));
            let source = Source::Lane { lane: strategy, strategy, position: *position };
            *position += 1;
            self.apply(source, &Message { flags, epoch, handle, event });
        }
    }
}

#[test]
fn a_restored_engine_counts_exposure_as_if_nothing_had_happened() {
    let mut seed = Seed::new("engine_snapshot a_restored_engine_counts_exposure");
    let mut tally = BTreeMap::new();
    for round in 0..60 {
        let flavour = Flavour { overlapping: round % 3 == 1, queue: round % 3 == 2, legs: round % 2 == 0 };
        let limits = small(random_limits(&mut seed, flavour));
        let acts = acts(&mut seed, &limits, flavour);
        let (mut pair, mut position) = (Pair::new(limits), 1);
        for act in &acts {
            pair.play(act, &mut position);
            if seed.below(RESTARTS) == 0 {
                pair.restart();
            }
        }
        add(&mut tally, pair.finish());
    }
    assert_seen(&tally, &["a cause", "a verdict", "a used bucket", "a waiting request"]);
}

#[test]
fn limits_come_back_as_they_were() {
    let limits = [small(order_limits(DropMode::DropLowest)), book_limits(), example()];
    for limits in limits {
        assert_eq!(Limits::from_bytes(&limits.to_bytes()), Ok(limits));
    }
}

#[test]
fn an_engine_that_was_told_nothing_is_restored_with_its_start() {
    let mut limits = book_limits();
    limits.instruments[usize::from(PERP)].mark_sources = vec![1];
    let engine = Engine::new(limits, Nanos(77));
    let restored = Engine::restore(&engine.snapshot()).expect("its own snapshot");
    assert_eq!(inside(&engine), inside(&restored));
}

/// The limits of the example configuration.
fn example() -> Limits {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tripline.toml");
    tripline::control::config::load(&path).expect("a configuration without problems").limits
}
