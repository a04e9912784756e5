//! A trading desk in memory: limits with sensible numbers, and one call per thing a strategy says.

use tripline::engine::limits::{
    AccountLimits, Actions, Anchor, Basis, BookLimits, Capacity, Currency, DirectiveLimits, DrawdownLimits,
    InstrumentKind, InstrumentLimits, ScopeLimits, StrategyLimits, VenueCodes, VenueLimits,
};
use tripline::engine::{Engine, Limits, Source, Transition, WordId};
use tripline::engine::{LaneDirective, LaneVerdict};
use tripline::model::event::{
    CommandVerb, DoneStatus, FillCause, FlowKind, Initiator, Intent, LivenessSign, OrderAction, OrderAttrs,
    OrderId, OrderType, RejectClass, TimeInForce,
};
use tripline::model::verdict::VerdictRecord;
use tripline::model::{
    Bps, Event, Flags, Handle, Latch, Leg, Lots, Message, Mode, Money, Name, Nanos, Scope, Ticks,
    TradingState,
};

pub const USD: u16 = 1;
pub const COIN: u16 = 2;
pub const BTC: u16 = 3;

/// Linear, prices in 0.0001, quantities in 0.1.
pub const PERP: u16 = 0;
/// Inverse, whole prices and contracts, 100 quote units per contract.
pub const INVERSE: u16 = 1;
/// Spot, prices in 0.01, quantities in 0.001.
pub const SPOT: u16 = 2;
/// Linear, whole prices and quantities: the arithmetic of a person.
pub const PLAIN: u16 = 3;

pub const UNKNOWN_FEE: i64 = i64::MIN;
pub const E9: i128 = 1_000_000_000;

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn ms(millis: u64) -> Nanos {
    Nanos::from_millis(millis)
}

pub fn id(raw: u64) -> OrderId {
    OrderId::new(raw).unwrap()
}

fn instrument(text: &str, kind: InstrumentKind, decimals: (u8, u8), multiplier: i64) -> InstrumentLimits {
    let settlement = if kind == InstrumentKind::Inverse { BTC } else { USD };
    InstrumentLimits {
        name: name(text),
        kind,
        price_decimals: decimals.0,
        qty_decimals: decimals.1,
        multiplier_e9: multiplier * 1_000_000_000,
        settlement: Currency { id: settlement, code: name("CCY") },
        base: (kind == InstrumentKind::Spot).then(|| Currency { id: COIN, code: name("COIN") }),
        tick: Ticks(1),
        lot: Lots(1),
        min_qty: Lots(1),
        min_notional: Money(0),
        collar: None,
        overfill: Lots(0),
        collar_accumulated: None,
        restricted: false,
        underlying: None,
        allow_negative: false,
        band: None,
        mark_age: Nanos::from_secs(5),
        mark_sources: vec![],
        position_tolerance: Lots(0),
        initial_margin: Bps::WHOLE,
        application_heartbeat: None,
        hedge: false,
    }
}

/// Two strategies; books 0 = (0, dollars), 1 = (1, dollars), 2 = (0, coins). Book 0 and 1 have `capital`.
pub fn limits(capital: i128, drawdowns: Vec<DrawdownLimits>) -> Limits {
    let account = |text: &str, currency| AccountLimits {
        name: name(text),
        venue: name("venue"),
        currency: Currency { id: currency, code: name("CCY") },
        ack_timeout: Nanos::from_secs(5),
        breaker: None,
        auth: None,
        liquidation: None,
        venue_codes: VenueCodes::default(),
        cash_tolerance: Bps(1),
        arms_reconciled: false,
        caps: ScopeLimits::default(),
    };
    let strategy = |text: &str| StrategyLimits {
        name: name(text),
        uid: 0,
        heartbeat: Nanos::from_secs(1_000_000),
        recover_for: Nanos::from_secs(5),
        executes: vec![],
        duplicates: None,
        caps: ScopeLimits::default(),
    };
    let book = |strategy, account, capital| BookLimits {
        strategy,
        account,
        capital: Money(capital),
        max_position: None,
        max_order_qty: None,
        max_order_notional: None,
        unknown_fee: Bps(10),
        opens_at_venue: false,
        halts_unknown_fills: false,
        published: None,
        max_open_orders: None,
        breaker: None,
        caps: ScopeLimits::default(),
    };
    Limits {
        instance: name("test"),
        mode: Mode::Live,
        firm: ScopeLimits::default(),
        accounts: vec![account("dollars", USD), account("coins", BTC)],
        instruments: vec![
            instrument("PERP", InstrumentKind::Linear, (4, 1), 1),
            instrument("INVERSE", InstrumentKind::Inverse, (0, 0), 100),
            instrument("SPOT", InstrumentKind::Spot, (2, 3), 1),
            instrument("PLAIN", InstrumentKind::Linear, (0, 0), 1),
        ],
        rates: vec![],
        strategies: vec![strategy("one"), strategy("two")],
        books: vec![book(0, 0, capital), book(1, 0, capital), book(0, 1, 0)],
        drawdowns,
        venues: vec![VenueLimits::new(name("venue"))],
        buckets: vec![],
        permit_validity: ms(100),
        directives: DirectiveLimits::default(),
        approval: Default::default(),
        clocks: 1,
        capacity: Capacity {
            lanes: 4,
            lane_slots: 64,
            return_slots: 16,
            positions: 16,
            orders: 64,
            executions: 4096,
        },
    }
}

/// A trailing 15 % guard on book 0's equity that believes the first breaching mark.
pub fn drawdown(text: &str) -> DrawdownLimits {
    DrawdownLimits {
        name: name(text),
        scope: Scope::Book(0),
        basis: Basis::Equity,
        anchor: Anchor::Trailing,
        limit: Some(Bps(1_500)),
        limit_abs: None,
        warn_pct: 80,
        confirm_k: 1,
        confirm_t: Nanos(0),
        peak_n: 1,
        untrusted_t: Nanos::from_secs(60),
        latch: Latch::Sticky,
        clock: 0,
        jump: None,
        scale: None,
        actions: Actions::empty(),
    }
}

pub fn attrs() -> OrderAttrs {
    OrderAttrs { order_type: OrderType::Limit, tif: TimeInForce::Gtc, intent: Intent::Open, directive: 0 }
}

/// An engine, a clock that the test moves, and everything that was decided so far.
pub struct Desk {
    pub engine: Engine,
    pub now: Nanos,
    pub transitions: Vec<Transition>,
    pub reply: Option<VerdictRecord>,
    /// Everything answered and directed so far.
    pub verdicts: Vec<LaneVerdict>,
    pub directives: Vec<LaneDirective>,
    pub sequence: u64,
    /// The position of the next record in any lane.
    pub position: u64,
    next_id: u64,
}

impl Desk {
    pub fn new(limits: Limits) -> Self {
        let now = Nanos::from_secs(1);
        let mut desk = Self {
            engine: Engine::new(limits, now),
            now,
            transitions: Vec::new(),
            reply: None,
            verdicts: Vec::new(),
            directives: Vec::new(),
            sequence: 0,
            position: 1,
            next_id: 1_000_000,
        };
        for (lane, strategy) in [(0, 0), (1, 1)] {
            desk.sidecar(Event::Lane { lane, strategy, open: 1, generation: 1 });
        }
        desk
    }

    pub fn with(capital: i128, drawdowns: Vec<DrawdownLimits>) -> Self {
        Self::new(limits(capital * E9, drawdowns))
    }

    pub fn apply(&mut self, source: Source, message: &Message) {
        let outcome = self.engine.apply(self.now, source, message);
        self.transitions.extend_from_slice(outcome.transitions());
        self.reply = outcome.reply();
        self.verdicts.extend_from_slice(outcome.verdicts());
        self.directives.extend_from_slice(outcome.directives());
        for change in outcome.changes() {
            assert_ne!(change.old, change.new);
        }
        let changes = outcome.changes().to_vec();
        for change in changes {
            assert_eq!(self.engine.word(change.id), change.new);
        }
    }

    pub fn sidecar(&mut self, event: Event) {
        let message = Message { flags: Flags::empty(), epoch: 0, handle: Handle(0), event };
        self.apply(Source::Sidecar, &message);
    }

    /// Moves the clock, with a TIMER for each deadline on the way.
    pub fn advance(&mut self, to: Nanos) {
        while self.engine.next_deadline() <= to {
            let due = self.engine.next_deadline();
            self.now = self.now.max(due);
            self.sidecar(Event::Timer { due });
            assert!(self.engine.next_deadline() > due, "a timer must not come back at once");
        }
        self.now = self.now.max(to);
    }

    pub fn wait(&mut self, duration: Nanos) {
        self.advance(self.now.after(duration));
    }

    /// A record of `book`'s strategy about `instrument`.
    pub fn say(&mut self, book: u16, instrument: u16, flags: Flags, event: Event) {
        let (strategy, account) = {
            let book = &self.engine.limits().books[usize::from(book)];
            (book.strategy, book.account)
        };
        let handle = Handle::new(strategy, account, Some(instrument));
        let epoch = self.engine.epoch() as u16;
        let position = self.position;
        self.position += 1;
        self.apply(
            Source::Lane { lane: strategy, strategy, position },
            &Message { flags, epoch, handle, event },
        );
    }

    pub fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// A fill with an execution key of its own; positive buys.
    pub fn fill(&mut self, book: u16, instrument: u16, qty: i64, px: i64, fee: i64) -> u64 {
        let exec = self.fresh_id();
        self.fill_as(book, instrument, exec, 0, qty, px, fee);
        exec
    }

    #[allow(clippy::too_many_arguments, reason = "one per field of a fill, in the order of the wire")]
    pub fn fill_as(
        &mut self,
        book: u16,
        instrument: u16,
        exec: u64,
        order: u64,
        qty: i64,
        px: i64,
        fee: i64,
    ) {
        let event = Event::Fill { order, exec, px: Ticks(px), qty: Lots(qty.abs()), fee };
        self.say(book, instrument, side(qty), event);
    }

    /// A fill in two records, with venue time and fee currency.
    #[allow(clippy::too_many_arguments, reason = "the fields of the report")]
    pub fn fill_at(
        &mut self,
        book: u16,
        instrument: u16,
        exec: u64,
        qty: i64,
        px: i64,
        fee: i64,
        ccy: u16,
        t: i64,
    ) {
        let first = Event::Fill { order: 0, exec, px: Ticks(px), qty: Lots(qty.abs()), fee };
        self.say(book, instrument, side(qty) | Flags::MORE, first);
        let rest = Event::FillExt {
            exec_high: 0,
            cum_qty: Lots(0),
            t_venue: t,
            fee_ccy: ccy,
            cause: FillCause::Normal,
            venue_order: 0,
        };
        self.say(book, instrument, side(qty), rest);
    }

    pub fn mark(&mut self, book: u16, instrument: u16, px: i64) {
        self.sequence += 1;
        let mark = Some(Ticks(px));
        let sequence = self.sequence;
        let event = Event::Mark { mark, index: None, last: None, underlying: None, sequence };
        self.say(book, instrument, Flags::empty(), event);
    }

    pub fn flow(&mut self, book: u16, flow: u64, amount: i128, kind: FlowKind) {
        let event = Event::Flow { id: id(flow), amount: Money(amount), ccy: 0, kind, t_venue: 0 };
        self.say(book, PLAIN, Flags::empty(), event);
    }

    pub fn funding(&mut self, book: u16, funding: u64, amount: i128) {
        let event = Event::Funding { id: id(funding), amount: Money(amount), ccy: 0, t_venue: 0 };
        self.say(book, PLAIN, Flags::empty(), event);
    }

    pub fn order(&mut self, book: u16, instrument: u16, order: u64, qty: i64, px: i64) {
        let event = order_new(order, qty, px);
        self.say(book, instrument, side(qty), event);
    }

    /// A request and the verdict it gets at once.
    pub fn ask(&mut self, book: u16, instrument: u16, flags: Flags, event: Event) -> VerdictRecord {
        let (before, position) = (self.verdicts.len(), self.position);
        self.say(book, instrument, flags | Flags::PERMIT, event);
        let given: Vec<_> =
            self.verdicts[before..].iter().filter(|verdict| verdict.position == position).collect();
        assert_eq!(given.len(), 1, "one answer to {event:?}: {given:?}");
        given[0].record
    }

    /// A request for a limit order of intent OPEN; a negative quantity sells.
    pub fn ask_limit(&mut self, book: u16, instrument: u16, order: u64, qty: i64, px: i64) -> VerdictRecord {
        self.ask(book, instrument, side(qty), order_new(order, qty, px))
    }

    /// A request for a limit order of this intent.
    pub fn ask_to(
        &mut self,
        intent: Intent,
        book: u16,
        instrument: u16,
        order: u64,
        qty: i64,
        px: i64,
    ) -> VerdictRecord {
        self.ask(book, instrument, side(qty), order_with(intent, 0, order, qty, px))
    }

    pub fn done(&mut self, book: u16, instrument: u16, order: u64, status: DoneStatus) {
        let initiator = Initiator::Owner;
        let event = Event::OrderDone { order: id(order), status, initiator, cum_qty: Lots(0), t_venue: 0 };
        self.say(book, instrument, Flags::empty(), event);
    }

    pub fn ack(&mut self, book: u16, instrument: u16, order: u64) {
        let event = Event::OrderAck {
            order: id(order),
            venue_key: order,
            px: Ticks(0),
            live_qty: Lots(0),
            t_venue: 0,
        };
        self.say(book, instrument, Flags::empty(), event);
    }

    pub fn reject(
        &mut self,
        book: u16,
        instrument: u16,
        order: u64,
        class: RejectClass,
        action: OrderAction,
    ) {
        let (order, cum_qty) = (id(order), Lots(0));
        let event = Event::OrderReject { order, class, action, venue_code: 0, cum_qty, t_venue: 0 };
        self.say(book, instrument, Flags::empty(), event);
    }

    pub fn not_sent(&mut self, book: u16, instrument: u16, order: u64, action: OrderAction) {
        let event = Event::NotSent { order: id(order), action: action as u32, cause: 0 };
        self.say(book, instrument, Flags::empty(), event);
    }

    pub fn command(
        &mut self,
        verb: CommandVerb,
        scope: Scope,
        guard: u16,
        nonce: u64,
        rebase: bool,
    ) -> VerdictRecord {
        self.command_by((7, 0), verb, scope, guard, nonce, rebase)
    }

    /// The same by a user, with what they acknowledge.
    pub fn command_by(
        &mut self,
        (actor, acks): (u32, u8),
        verb: CommandVerb,
        scope: Scope,
        guard: u16,
        nonce: u64,
        rebase: bool,
    ) -> VerdictRecord {
        let command = self.fresh_id();
        let event =
            Event::Command { id: command, scope, verb, rebase: u8::from(rebase), guard, actor, nonce, acks };
        let message = Message { flags: Flags::empty(), epoch: 0, handle: Handle(0), event };
        self.apply(Source::Operator, &message);
        let reply = self.reply.expect("every command is answered");
        assert_eq!(reply.order, command);
        reply
    }

    pub fn liveness(&mut self, strategy: u16, sign: LivenessSign, beat: u64) {
        self.sidecar(Event::Liveness { lane: strategy, strategy, sign, beat });
    }

    pub fn nonce(&self, scope: Scope, guard: u16) -> u64 {
        let mut rows = self.engine.cause_rows();
        let row = rows.find(|row| row.scope == Some(scope) && row.guard == u64::from(guard));
        row.expect("the cause holds").nonce
    }

    pub fn state(&self, book: u16) -> TradingState {
        self.engine.word(WordId::Book(book)).state
    }

    pub fn equity(&self, book: u16) -> i128 {
        self.engine.book_row(book).unwrap().equity.0
    }

    /// Transitions of one guard since the last call.
    pub fn taken(&mut self, guard: u16) -> Vec<Transition> {
        let all = std::mem::take(&mut self.transitions);
        all.into_iter().filter(|transition| transition.guard == guard).collect()
    }
}

/// A number for a leg of an instrument, so that an oracle may take it for an instrument of its own.
pub const fn line(instrument: u16, leg: Leg) -> u16 {
    instrument + 100 * leg as u16
}

/// The instrument and the leg of a line.
pub fn of_line(line: u16) -> (u16, Leg) {
    (line % 100, Leg::from_u8((line / 100) as u8).expect("a leg"))
}

pub fn side(qty: i64) -> Flags {
    if qty < 0 { Flags::SELL } else { Flags::empty() }
}

/// A modification of an order to a new price and total quantity.
pub fn order_modify(order: u64, qty: i64, px: i64) -> Event {
    Event::OrderModify { order: id(order), px: Ticks(px), qty: Lots(qty), attrs: attrs(), new_order: 0 }
}

/// An order of this intent, in an OCO group unless that is 0, of which it is a leg of its own.
pub fn order_with(intent: Intent, group: u32, order: u64, qty: i64, px: i64) -> Event {
    Event::OrderNew {
        order: id(order),
        px: Ticks(px),
        qty: Lots(qty.abs()),
        attrs: OrderAttrs { intent, ..attrs() },
        group,
        leg: order as u16,
        list_count: 0,
    }
}

pub fn order_new(order: u64, qty: i64, px: i64) -> Event {
    Event::OrderNew {
        order: id(order),
        px: Ticks(px),
        qty: Lots(qty.abs()),
        attrs: attrs(),
        group: 0,
        leg: 0,
        list_count: 0,
    }
}

/// Gives a scope its caps; an instrument has none.
pub fn set_caps(limits: &mut Limits, scope: Scope, caps: ScopeLimits) {
    match scope {
        Scope::Firm => limits.firm = caps,
        Scope::Account(account) => limits.accounts[usize::from(account)].caps = caps,
        Scope::Strategy(strategy) => limits.strategies[usize::from(strategy)].caps = caps,
        Scope::Book(book) => limits.books[usize::from(book)].caps = caps,
        Scope::Instrument(..) => panic!("{scope:?} has no caps"),
    }
}
