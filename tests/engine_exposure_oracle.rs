//! The oracle of orders, exposure and permits: first by itself, in cases a person can follow, then against the engine.
//!
//! A failure prints the seed that replays it and the shrunk tape. `TRIPLINE_EVENTS` says how many events the tapes of
//! requests have, as in `engine_tapes`.

mod support;

#[path = "engine_exposure_oracle/cases.rs"]
mod cases;
#[path = "engine_exposure_oracle/corners.rs"]
mod corners;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use support::desk::{Desk, of_line};
use support::exposure_oracle::{Exposed, Oracle, Order, Said};
use support::exposure_tape::{Act, Flavour, MARKETS, Tape, random_limits, records};
use support::permit_oracle::Answer;
use support::seed::Seed;
use support::tapes;
#[cfg(feature = "sidecar")]
use tripline::engine::Engine;
use tripline::engine::{LaneVerdict, Limits, Source, WordId, guard};
use tripline::model::event::{CommandVerb, LivenessSign};
use tripline::model::verdict::Verdict;
use tripline::model::{Event, Flags, Handle, Leg, Message, Nanos, Reason, Scope};

/// Things that happen on one tape; enough for a book to fill up and for its orders to grow old.
const TAPE: usize = 250;
/// Longer than any request waits for its turn.
const PATIENCE: Nanos = Nanos::from_secs(60);

/// The engine and the oracle, told the same.
struct Contest {
    desk: Desk,
    oracle: Oracle,
    flavour: Flavour,
    /// Requests without a final verdict, by book and lane position.
    open: BTreeMap<(u16, u64), Said>,
    /// Those of them that wait.
    queued: BTreeSet<(u16, u64)>,
    tally: BTreeMap<String, u64>,
}

impl Contest {
    fn new(limits: Limits, flavour: Flavour) -> Self {
        let desk = Desk::new(limits.clone());
        let oracle = Oracle::new(limits, desk.now.0);
        Self { desk, oracle, flavour, open: BTreeMap::new(), queued: BTreeSet::new(), tally: BTreeMap::new() }
    }

    /// The engine is given up and one restored from its snapshot, where there are snapshots.
    fn restart(&mut self) {
        #[cfg(feature = "sidecar")]
        {
            self.desk.engine = Engine::restore(&self.desk.engine.snapshot()).expect("its own snapshot");
        }
    }

    fn play(&mut self, act: &Act) -> Result<(), String> {
        match act {
            Act::Say(said) if self.is_groundless(said) => {}
            Act::Say(said) => self.say(said)?,
            Act::Wait(duration) => self.wait(*duration)?,
            Act::Finish => {
                self.wait(PATIENCE)?;
                agree("requests without a final verdict", 0, self.open.len())?;
            }
            Act::Command { verb, scope } => {
                self.oracle.command(*verb, *scope, 0);
                let reply = self.desk.command(*verb, *scope, 0, 0, false);
                agree("reply", Verdict::Pass, reply.verdict)?;
                self.take_verdicts()?;
            }
            Act::Reset { scope, guard } => {
                self.oracle.command(CommandVerb::Reset, *scope, *guard);
                let rows: Vec<_> = self.desk.engine.cause_rows().collect();
                let held =
                    rows.iter().find(|row| row.scope == Some(*scope) && row.guard == u64::from(*guard));
                let nonce = held.map_or(0, |row| row.nonce);
                self.desk.command(CommandVerb::Reset, *scope, *guard, nonce, false);
                self.take_verdicts()?;
            }
            Act::Lose { strategy } => {
                self.oracle.lose(*strategy);
                self.desk.liveness(*strategy, LivenessSign::Lost, 0);
                self.take_verdicts()?;
            }
        }
        self.compare()
    }

    fn wait(&mut self, duration: Nanos) -> Result<(), String> {
        let to = self.desk.now.after(duration);
        while self.desk.now < to {
            let next = self.desk.engine.next_deadline().min(to);
            self.desk.advance(next);
            self.oracle.now = self.desk.now.0;
            self.take_verdicts()?;
        }
        Ok(())
    }

    /// What this tape would not say now, since shrinking left out what it belongs to.
    fn is_groundless(&self, said: &Said) -> bool {
        let order = match said.event {
            Event::Fill { order, .. } => order,
            Event::FillCum { order, .. }
            | Event::OrderAck { order, .. }
            | Event::OrderReject { order, .. }
            | Event::OrderModified { order, .. }
            | Event::OrderDone { order, .. }
            | Event::OrderModify { order, .. }
            | Event::NotSent { order, .. } => order.get(),
            _ => 0,
        };
        let known = self.oracle.orders.get(&(said.book, order));
        let asks = said.flags.contains(Flags::PERMIT);
        match known {
            Some(known) => said.instrument != Some(of_line(known.instrument).0),
            None => order != 0 && !asks,
        }
    }

    fn say(&mut self, said: &Said) -> Result<(), String> {
        let asks = said.flags.contains(Flags::PERMIT);
        let position = self.desk.position;
        let missed = self.misses(said.book);
        if asks {
            self.open.insert((self.lane(said.book), position), said.clone());
        } else {
            self.oracle.hear(said);
        }
        for (flags, event) in records(said) {
            let strategy = self.lane(said.book);
            let handle = Handle::new(strategy, self.oracle.account(said.book), said.instrument);
            let epoch = self.desk.engine.epoch() as u16;
            let source = Source::Lane { lane: strategy, strategy, position: self.desk.position };
            self.desk.position += 1;
            self.desk.apply(source, &Message { flags, epoch, handle, event });
        }
        self.take_verdicts()?;
        let covered = |((_, id), order): (&(u16, u64), &Order)| {
            order.entry.is_some() && self.oracle.live(said.book, *id).is_some()
        };
        if self.oracle.orders.iter().any(covered) {
            *self.tally.entry(COVERED.to_owned()).or_default() += 1;
        }
        if self.oracle.line(said).is_some_and(|line| of_line(line).1 != Leg::Net) {
            *self.tally.entry(LEGGED.to_owned()).or_default() += 1;
        }
        if !missed && self.misses(said.book) {
            *self.tally.entry(MISSED.to_owned()).or_default() += 1;
        }
        let answered = !self.open.contains_key(&(self.lane(said.book), position));
        if asks && !answered && !self.flavour.queue {
            return Err("the request got no final verdict".to_owned());
        }
        Ok(())
    }

    /// Whether a book had a fill beyond one of its legs, or one of no leg.
    fn misses(&self, book: u16) -> bool {
        self.oracle.causes.contains_key(&(Scope::Book(book), guard::INTEGRITY))
    }

    fn lane(&self, book: u16) -> u16 {
        self.oracle.limits.books[usize::from(book)].strategy
    }

    fn take_verdicts(&mut self) -> Result<(), String> {
        for verdict in std::mem::take(&mut self.desk.verdicts) {
            let key = (verdict.lane, verdict.position);
            let said = self.open.remove(&key).ok_or_else(|| format!("nobody asked for {verdict:?}"))?;
            if self.queued.remove(&key) {
                match said.event {
                    Event::OrderNew { order, .. } => {
                        self.oracle.waiting.remove(&(said.book, order.get()));
                    }
                    Event::OrderModify { order, .. } => {
                        self.oracle.waiting_changes.remove(&(said.book, order.get()));
                    }
                    _ => {}
                }
            }
            let expected = self.oracle.answer(&said);
            self.judge(&said, expected, &verdict).map_err(|why| {
                format!("{why}\n  asked {said:?}\n  oracle {expected:?}\n  engine {verdict:?}")
            })?;
            *self.tally.entry(label(expected)).or_default() += 1;
            match verdict.record.verdict {
                Verdict::Queued => {
                    match said.event {
                        Event::OrderNew { order, .. } => {
                            let line = self.oracle.line(&said).expect("it was judged, so it has its leg");
                            let waits = (line, said.flags.contains(Flags::SELL));
                            self.oracle.waiting.insert((said.book, order.get()), waits);
                        }
                        Event::OrderModify { order, .. } => {
                            self.oracle.waiting_changes.insert((said.book, order.get()));
                        }
                        _ => {}
                    }
                    self.queued.insert(key);
                    self.open.insert(key, said);
                }
                sent if sent.may_send() => self.oracle.announce(&said),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the engine's verdict is what the oracle says.
    fn judge(&self, said: &Said, expected: Answer, verdict: &LaneVerdict) -> Result<(), String> {
        let record = &verdict.record;
        let (order, action) = match said.event {
            Event::OrderNew { order, .. } => (order.get(), 0),
            Event::OrderModify { order, .. } => (order.get(), 1),
            Event::OrderCancel { order, .. } => (order.get(), 2),
            _ => (record.order, 2),
        };
        agree("order and action", (order, action), (record.order, record.action))?;
        let rated = record.reason.is_some_and(|reason| (501..600).contains(&(reason as u16)));
        if self.flavour.queue {
            match (record.verdict, expected) {
                (Verdict::Queued | Verdict::Released, Answer::Pass | Answer::PassExit(_)) => return Ok(()),
                (Verdict::Dropped, _) if rated => return Ok(()),
                (Verdict::Dropped, Answer::Deny(denial)) => {
                    return agree("reason", Some(denial.reason), record.reason);
                }
                (Verdict::Dropped, Answer::Halted) => return Ok(()),
                (Verdict::Deny, Answer::Pass | Answer::PassExit(_)) if rated => return Ok(()),
                _ => {}
            }
        }
        let numbers = (i128::from(record.measured), i128::from(record.limit));
        match expected {
            Answer::Pass => agree("verdict", Verdict::Pass, record.verdict),
            Answer::Paper => agree("verdict", Verdict::Paper, record.verdict),
            Answer::Unverified => agree("verdict", Verdict::ExitUnverified, record.verdict),
            Answer::Halted => agree("verdict", Verdict::Deny, record.verdict),
            Answer::PassExit(left) => {
                agree("verdict", Verdict::PassExit, record.verdict)?;
                left.map_or(Ok(()), |left| agree("left to exit", left, record.extra.into()))
            }
            Answer::Deny(denial) => {
                agree("verdict", Verdict::Deny, record.verdict)?;
                agree("reason", Some(denial.reason), record.reason)?;
                if self.is_unmodelled(said, denial.reason) {
                    return Ok(());
                }
                agree("measured and limit", (denial.measured, denial.limit), numbers)?;
                let admissible = denial.admissible.filter(|_| action == 0);
                admissible.map_or(Ok(()), |most| agree("admissible", most, record.extra.into()))
            }
        }
    }

    /// Whether the numbers of a denial are left alone: what a group leaves to an order that reduces is not modelled here.
    fn is_unmodelled(&self, said: &Said, reason: Reason) -> bool {
        let grouped = match said.event {
            Event::OrderNew { group, .. } => group != 0,
            Event::OrderModify { order, .. } => {
                self.oracle.live(said.book, order.get()).is_some_and(|order| order.group != 0)
            }
            _ => false,
        };
        reason == Reason::ReduceOnlySize && grouped
    }

    /// Positions, what counts, and the states of every word.
    fn compare(&self) -> Result<(), String> {
        let lines = MARKETS.iter().flat_map(|&(book, instrument, _)| {
            let lines = self.oracle.lines().into_iter().filter(move |&line| of_line(line).0 == instrument);
            lines.map(move |line| (book, line))
        });
        for (book, line) in lines {
            let (instrument, leg) = of_line(line);
            let expected = self.oracle.exposed(book, line);
            let engine = self.desk.engine.leg_exposure(book, instrument, leg);
            let counted = Exposed {
                buys: engine.buys.into(),
                sells: engine.sells.into(),
                open_orders: engine.open_orders,
                position: self.desk.engine.leg_position(book, instrument, leg).into(),
            };
            agree("exposure", expected, counted)
                .map_err(|why| format!("book {book}, instrument {instrument} {leg:?}: {why}"))?;
        }
        self.compare_money()?;
        for (word, halt_word) in self.desk.engine.words() {
            let expected = match word {
                WordId::Account(account) => self.oracle.account_state(account),
                WordId::Book(book) => self.oracle.book_state(book),
                WordId::Instrument(account, instrument) => self.oracle.instrument_state(account, instrument),
            };
            agree("state", expected, halt_word.state).map_err(|why| {
                let causes = self.desk.engine.cause_rows().map(|row| {
                    let name = self.desk.engine.guard_name(row.guard as u16);
                    format!("{:?} {name} {:?} {} over {}", row.scope, row.reason, row.measured, row.limit)
                });
                format!("{word:?}: {why}, {:?}", causes.collect::<Vec<_>>())
            })?;
        }
        Ok(())
    }
}

impl Contest {
    /// Gross and net of every scope of one currency, where they are kept.
    fn compare_money(&self) -> Result<(), String> {
        let one_currency = [
            Scope::Book(0),
            Scope::Book(1),
            Scope::Book(2),
            Scope::Strategy(1),
            Scope::Account(0),
            Scope::Account(1),
        ];
        for scope in one_currency {
            let Some(kept) = self.desk.engine.scope_exposure(scope) else { continue };
            let counted = (kept.unvalued == 0).then_some((kept.gross.0, kept.net.0));
            agree("gross and net", self.oracle.scope_held(scope), counted)
                .map_err(|why| format!("{scope}: {why}"))?;
        }
        Ok(())
    }
}

fn agree<T: PartialEq + std::fmt::Debug>(what: &str, oracle: T, engine: T) -> Result<(), String> {
    if oracle == engine { Ok(()) } else { Err(format!("{what}: oracle {oracle:?}, engine {engine:?}")) }
}

fn label(answer: Answer) -> String {
    match answer {
        Answer::Deny(denial) => denial.reason.to_string(),
        Answer::PassExit(_) => "PASS_EXIT".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    }
}

/// The limits that a tape chooses.
fn told(limits: &Limits) -> String {
    let books = limits.books.iter().enumerate().map(|(book, of)| {
        let (qty, notional) = (of.max_order_qty, of.max_order_notional);
        format!(
            "book {book}: position {:?}, qty {qty:?}, notional {notional:?}, open {:?}",
            of.max_position, of.max_open_orders
        )
    });
    let instruments = limits.instruments.iter().enumerate().map(|(instrument, of)| {
        let (tick, lot, min_qty, collar) = (of.tick, of.lot, of.min_qty, of.collar);
        let hedge = if of.hedge { "hedged, " } else { "" };
        format!(
            "instrument {instrument}: {hedge}{tick:?}, {lot:?}, least {min_qty:?} {:?}, {collar:?}, band {:?}",
            of.min_notional, of.band
        )
    });
    let lines: Vec<String> = books.chain(instruments).collect();
    format!("with {:?}\n{}", limits.mode, lines.join("\n"))
}

/// The index of the first act after which engine and oracle differ, and how.
fn replay(limits: &Limits, flavour: Flavour, acts: &[Act]) -> Option<(usize, String)> {
    let mut contest = Contest::new(limits.clone(), flavour);
    acts.iter().enumerate().find_map(|(at, act)| contest.play(act).err().map(|why| (at, why)))
}

/// What differs, without the numbers.
fn kind(why: &str) -> String {
    let what = why.lines().next().unwrap_or_default();
    what.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

/// Leaves out what the difference does not need.
fn shrink(limits: &Limits, flavour: Flavour, mut acts: Vec<Act>) -> (Vec<Act>, String) {
    let (mut last, mut why) = replay(limits, flavour, &acts).expect("the same tape differs again");
    acts.truncate(last + 1);
    let mut chunk = acts.len() / 2;
    while chunk > 0 {
        let mut at = 0;
        while at < acts.len() {
            let mut fewer = acts.clone();
            fewer.drain(at..(at + chunk).min(acts.len()));
            match replay(limits, flavour, &fewer).filter(|found| kind(&found.1) == kind(&why)) {
                Some(found) => {
                    (last, why) = found;
                    fewer.truncate(last + 1);
                    acts = fewer;
                }
                None => at += chunk,
            }
        }
        chunk /= 2;
    }
    (acts, why)
}

/// Plays tapes until so many things have happened; returns how often each answer was given.
fn contest(first: Seed, what: &str, flavour: Flavour, events: u64) -> BTreeMap<String, u64> {
    let tally = Mutex::new(BTreeMap::new());
    tapes::play_from(first, what, events, |mut seed| {
        let of_tape = play(&mut seed, flavour);
        let mut tally = tally.lock().unwrap();
        of_tape.into_iter().for_each(|(answer, count)| *tally.entry(answer).or_default() += count);
        TAPE as u64
    });
    tally.into_inner().unwrap()
}

/// Plays one tape, a restart in its middle; returns how often each answer was given.
fn play(seed: &mut Seed, flavour: Flavour) -> BTreeMap<String, u64> {
    let limits = random_limits(seed, flavour);
    let mut contest = Contest::new(limits.clone(), flavour);
    let mut tape = Tape::new(seed, flavour);
    let mut acts = Vec::new();
    for at in 0..=TAPE {
        acts.push(if at < TAPE { tape.next(&contest.oracle) } else { Act::Finish });
        if at == TAPE / 2 {
            contest.restart();
        }
        if let Err(first) = contest.play(&acts[acts.len() - 1]) {
            let why = "only with the restart in the middle".to_owned();
            let shrunk = replay(&limits, flavour, &acts).is_some();
            let (acts, why) = if shrunk { shrink(&limits, flavour, acts) } else { (acts, why) };
            let acts: Vec<String> = acts.iter().map(|act| format!("{act:?}")).collect();
            panic!("{first}\n\nand, shrunk,\n{why}\n\nafter\n{}\n\n{}", acts.join("\n"), told(&limits));
        }
    }
    contest.tally
}

/// How often something was said while an entry covered a child.
const COVERED: &str = "covered";
/// How often something was said of a leg, and how often a book missed something after it.
const LEGGED: &str = "legged";
const MISSED: &str = "missed";

/// Every answer the rules know, so that a tape which avoids one is noticed.
const ANSWERS: [&str; 23] = [
    "COLLAR",
    "COLLAR_ACCUMULATED",
    "DUPLICATE_ID",
    "EXIT_SIZE",
    "GROSS",
    "HALTED",
    "LOT",
    "MAX_NOTIONAL",
    "MAX_POSITION",
    "MAX_QTY",
    "MIN_NOTIONAL",
    "MIN_QTY",
    "NET",
    "NO_MARK",
    "OCO_REARM",
    "OPEN_ORDERS",
    "PAPER",
    "PASS",
    "PASS_EXIT",
    "REDUCE_ONLY_SIZE",
    "TICK",
    "UNKNOWN_INSTRUMENT",
    "UNKNOWN_ORDER",
];

fn assert_all_answers(tally: &BTreeMap<String, u64>, each: u64) {
    for answer in ANSWERS.into_iter().chain(["UNVERIFIED"]) {
        let count = tally.get(answer).copied().unwrap_or(0);
        assert!(count >= each, "{answer} was answered {count} times only: {tally:?}");
    }
}

#[test]
fn tapes_reach_every_answer() {
    let mut seed = Seed::new("engine_exposure_oracle tapes_reach_every_answer");
    let mut tally = BTreeMap::new();
    for _ in 0..200 {
        let mut oracle = Oracle::new(random_limits(&mut seed, Flavour::default()), 1_000_000_000);
        let mut tape = Tape::new(&mut seed, Flavour::default());
        for _ in 0..TAPE {
            match tape.next(&oracle) {
                Act::Say(said) if said.flags.contains(Flags::PERMIT) => {
                    let answer = oracle.answer(&said);
                    *tally.entry(label(answer)).or_default() += 1;
                    if answer.permits() {
                        oracle.announce(&said);
                    }
                }
                Act::Say(said) => oracle.hear(&said),
                Act::Wait(duration) => oracle.now += duration.0,
                Act::Command { verb, scope } => oracle.command(verb, scope, 0),
                Act::Reset { scope, guard } => oracle.command(CommandVerb::Reset, scope, guard),
                Act::Lose { strategy } => oracle.lose(strategy),
                Act::Finish => {}
            }
        }
    }
    assert_all_answers(&tally, 10);
}

/// From one seed, so this does not vouch for more than it plays: the engine judges gross and net after each step of an event,
/// and this after all of them. Once in some million events a step ends, or begins, what the whole does not: seed
/// 1795735810479062159 shows it, an entry whose fill and whose child that counts from then on are two steps.
#[test]
fn requests_are_answered_as_the_oracle_says() {
    let test = "engine_exposure_oracle requests_are_answered_as_the_oracle_says";
    let first = Seed::starting_at(1, test);
    let tally = contest(first, "orders", Flavour::default(), tapes::events(200_000));
    assert_all_answers(&tally, 50);
    assert!(tally[COVERED] > 5_000, "entries covered children {} times", tally[COVERED]);
}

/// From one seed, for the same reason.
#[test]
fn requests_of_legs_are_answered_as_the_oracle_says() {
    let test = "engine_exposure_oracle requests_of_legs_are_answered_as_the_oracle_says";
    let flavour = Flavour { legs: true, ..Flavour::default() };
    let tally = contest(Seed::starting_at(1, test), "orders of legs", flavour, 100_000);
    for (what, least) in [(COVERED, 2_000), (LEGGED, 10_000), (MISSED, 100)] {
        assert!(tally[what] > least, "{what} {} times", tally[what]);
    }
}

#[test]
fn several_modifications_on_their_way_are_counted_as_the_oracle_says() {
    let test = "engine_exposure_oracle several_modifications_on_their_way_are_counted_as_the_oracle_says";
    let flavour = Flavour { overlapping: true, ..Flavour::default() };
    contest(Seed::starting_at(1, test), "overlapping orders", flavour, 50_000);
}

#[test]
fn requests_that_waited_are_judged_anew_as_the_oracle_says() {
    let test = "engine_exposure_oracle requests_that_waited_are_judged_anew_as_the_oracle_says";
    let flavour = Flavour { queue: true, ..Flavour::default() };
    contest(Seed::starting_at(1, test), "waiting orders", flavour, 50_000);
}
