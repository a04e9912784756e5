//! HOT: records from lanes: may this lane say that, and what is it part of.
//!
//! A record is believed only when its handle was granted to this lane, its account is one the strategy has a book
//! on, and its kind is one a strategy may write; otherwise the strategy is halted, CORRUPT, and the record has no
//! effect. A group (MORE) is kept back until its last record arrives; a continuation that does not fit halts the
//! strategy, and the record that came instead is still applied: the books must not miss it as well.
//!
//! What is not acted on: kinds of later versions that cannot change the books are counted; those that would change
//! them halt the book, GAP, because ignoring them would leave it wrong.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::Engine;
use super::drawdown::Touch;
use super::exact::{bump, report};
use super::gates::{Hold, Reading, guard};
use super::integrity::sticky;
use super::marks::Offer;
use super::orders::{OrderKey, Size};
use super::timers::Watch;
use crate::model::event::{FIRST_SIDECAR_KIND, HeartbeatClass, LivenessSign};
use crate::model::scope::{AccountId, BookId, InstrumentId};
use crate::model::{Event, Flags, Latch, Leg, Message, Nanos, Reason, Scope, Ticks, TradingState};

/// Where a record belongs.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Place {
    pub(super) strategy: u16,
    pub(super) account: AccountId,
    pub(super) book: BookId,
    pub(super) instrument: Option<InstrumentId>,
    /// The leg its flags name.
    pub(super) leg: Leg,
    /// Whose order ids it uses, as in [`OrderKey::by`].
    pub(super) by: u16,
    /// The lane it came through, and where in it: of the first record, where it had several.
    pub(super) lane: u16,
    pub(super) position: u64,
}

impl Place {
    /// The order that this place calls `id`.
    pub(super) const fn key(&self, id: u64) -> OrderKey {
        OrderKey { book: self.book, by: self.by, id }
    }
}

#[cfg(feature = "sidecar")]
impl Place {
    /// Whether it names what these limits have.
    pub(super) fn exists(&self, limits: &crate::engine::Limits) -> bool {
        usize::from(self.strategy) < limits.strategies.len()
            && usize::from(self.account) < limits.accounts.len()
            && usize::from(self.book) < limits.books.len()
            && self.instrument.is_none_or(|index| usize::from(index) < limits.instruments.len())
    }
}

impl Engine {
    pub(super) fn on_lane_record(&mut self, lane: u16, strategy: u16, position: u64, message: &Message) {
        if usize::from(strategy) >= self.limits.strategies.len() {
            // Nobody can be named, so nobody is spared.
            self.halt(Scope::Firm, Reason::Corrupt);
            return;
        }
        let place = self
            .place(lane, strategy, position, message)
            .filter(|_| message.event.kind() < FIRST_SIDECAR_KIND);
        let Some(place) = place else {
            self.halt(Scope::Strategy(strategy), Reason::Corrupt);
            return;
        };
        self.reconcile.pass(lane, position, self.now);
        let beats = match message.event {
            Event::Heartbeat { counter, .. } => self.clients.counts(lane, counter),
            _ => true,
        };
        if beats {
            self.on_beat(strategy);
            if let Event::Heartbeat { class: HeartbeatClass::Application, .. } = message.event {
                self.on_application_beat(place);
            }
        }
        self.join_group(lane, place, message);
    }

    fn place(&self, lane: u16, strategy: u16, position: u64, message: &Message) -> Option<Place> {
        let handle = message.handle;
        if !self.clients.has_lane(lane) || handle.lane_tag() != lane as u8 {
            return None;
        }
        let account = handle.account()?;
        let instrument = handle.instrument();
        if instrument.is_some_and(|instrument| usize::from(instrument) >= self.limits.instruments.len()) {
            return None;
        }
        if usize::from(account) >= self.limits.accounts.len() {
            return None;
        }
        let book = self.book(strategy, account)?;
        Some(Place { strategy, account, book, instrument, leg: message.leg(), by: 0, lane, position })
    }

    fn join_group(&mut self, lane: u16, place: Place, message: &Message) {
        let more = message.flags.contains(Flags::MORE);
        let first = self.clients.pending(lane).take();
        if let Some((first, position)) = &first
            && fits(first, message)
            && !more
        {
            let place = Place { position: *position, leg: first.leg(), ..place };
            self.on_event(place, first, Some(&message.event));
            return;
        }
        if let Some((first, position)) = first {
            self.halt(Scope::Strategy(place.strategy), Reason::Corrupt);
            self.deny_corrupt(Place { position, instrument: first.handle.instrument(), ..place }, &first);
            self.tear_list(lane);
        }
        let opens =
            matches!(message.event, Event::Fill { .. } | Event::FillBust { .. } | Event::OrderNew { .. });
        let stray = matches!(message.event, Event::FillExt { .. } | Event::OrderExt { .. });
        // Text that travels over several records has no effect, so its groups need no joining.
        let text = matches!(message.event, Event::OrderRef { .. });
        match (more, opens, stray) {
            (true, true, _) => *self.clients.pending(lane) = Some((*message, place.position)),
            (_, _, true) => self.halt(Scope::Strategy(place.strategy), Reason::Corrupt),
            (true, false, _) if !text => {
                self.halt(Scope::Strategy(place.strategy), Reason::Corrupt);
                self.deny_corrupt(place, message);
            }
            _ => self.on_event(place, message, None),
        }
    }

    /// One complete event: `message`, and where it had one its continuation.
    fn on_event(&mut self, place: Place, message: &Message, rest: Option<&Event>) {
        let place = self.delegated(place, message);
        if self.gather(place, message, rest) {
            return;
        }
        let before = matches!(message.event.kind(), 30..=53).then(|| self.holding(place));
        self.decide_event(place, message, rest);
        if let Some(before) = before {
            self.note_moves(place, before);
        }
    }

    fn decide_event(&mut self, place: Place, message: &Message, rest: Option<&Event>) {
        match message.event {
            Event::OrderNew { .. }
            | Event::OrderModify { .. }
            | Event::OrderCancel { .. }
            | Event::OrderCancelAll { .. }
                if message.flags.contains(Flags::PERMIT) =>
            {
                self.on_request(place, message, rest);
            }
            Event::OrderNew { .. } | Event::OrderModify { .. } => self.on_order(place, message, rest),
            Event::OrderCancel { order, .. } => self.on_cancel(place, order.get()),
            Event::OrderCancelAll { .. } => {
                self.withdraw_all(place, &message.event);
                self.charge_cancel(place, 0);
            }
            Event::OrderAck { order, venue_key, .. } => self.on_order_ack(place, order.get(), venue_key),
            Event::OrderTriggered { order, .. } => self.on_order_status(place, order.get()),
            Event::OrderModified { order, px, qty, .. } => {
                self.on_order_modified(place, order.get(), Size { px: px.0, qty: qty.0 });
            }
            Event::OrderReject { .. } => self.on_order_reject(place, message),
            Event::OrderDone { .. } => self.on_order_done(place, &message.event),
            Event::NotSent { order, action, .. } => self.on_not_sent(place, order.get(), action),
            Event::Fill { .. } => self.on_fill(place, message, rest),
            Event::FillCum { .. } => self.on_fill_cum(place, message),
            Event::FillBust { .. } => self.on_fill_bust(place, message, rest),
            Event::FeeAdjust { .. } => self.on_fee_adjust(place, message),
            Event::Funding { .. } | Event::Flow { .. } => self.on_cash(place, &message.event),
            Event::Mark { mark, last, sequence, .. } => self.on_mark(place, mark.or(last), sequence),
            Event::Margin { initial, available, ccy, .. } => {
                self.on_margin(place, initial, available, ccy);
            }
            Event::InstrumentState { .. } => self.on_session(place, &message.event),
            Event::Fx { .. } => self.on_fx(place, &message.event),
            Event::RateFeedback { .. } => self.on_rate_feedback(place, &message.event),
            Event::DirectiveAck { .. } => self.on_directive_ack(place, &message.event),
            Event::Settle { .. } => self.on_settle(place, message),
            Event::Equity { .. } => self.on_equity(place, &message.event),
            Event::SnapBegin { .. }
            | Event::SnapPosition { .. }
            | Event::SnapOrder { .. }
            | Event::SnapBalance { .. }
            | Event::SnapEnd { .. } => self.on_snapshot(place, message),
            Event::Connection { .. } => self.on_connection(place, &message.event),
            Event::Heartbeat { .. } => {}
            _ => bump(&mut self.counters.unhandled),
        }
    }

    fn on_mark(&mut self, place: Place, px: Option<Ticks>, sequence: u64) {
        bump(&mut self.counters.marks);
        let (Some(instrument), Some(px)) = (place.instrument, px) else {
            bump(&mut self.counters.ignored_marks);
            return;
        };
        self.gates.mark = px.0;
        let offer = self.marks.offer(instrument, place.strategy, px, sequence, self.now);
        match offer {
            Offer::Ignored => {
                bump(&mut self.counters.ignored_marks);
                return;
            }
            Offer::Suspect => bump(&mut self.counters.suspect_marks),
            Offer::Accepted => {
                self.drifts.note(instrument, px.0, self.now);
                self.watch_mark(instrument);
            }
        }
        self.revalue(instrument, offer == Offer::Accepted);
    }

    fn on_session(&mut self, place: Place, event: &Event) {
        let (Some(instrument), &Event::InstrumentState { state, .. }) = (place.instrument, event) else {
            bump(&mut self.counters.unhandled);
            return;
        };
        let source = self.marks.source(instrument);
        let no_source = source.is_some_and(|source| self.clients.lane_of(source).is_none());
        if self.marks.session(instrument, place.strategy, state, no_source, self.now) {
            self.pause_application(instrument);
            self.watch_mark(instrument);
            self.revalue(instrument, false);
        } else {
            bump(&mut self.counters.ignored_marks);
        }
    }

    pub(super) fn on_mark_timer(&mut self, instrument: InstrumentId) {
        if self.marks.expire(instrument, self.now) {
            self.revalue(instrument, false);
        }
        self.expire_application(instrument);
        self.watch_mark(instrument);
    }

    /// Sets the timer that finds the mark stale, or its instrument silent, unless an earlier one will look anyway.
    pub(super) fn watch_mark(&mut self, instrument: InstrumentId) {
        let due = self.marks.deadline(instrument).min(self.applications.deadline(instrument));
        if self.timers.due(usize::from(instrument)) > due {
            self.timers.set(usize::from(instrument), due);
        }
    }

    /// Values every holder of an instrument anew, then judges what they belong to.
    fn revalue(&mut self, instrument: InstrumentId, is_mark: bool) {
        let mut next = self.ledger.first_holder(instrument);
        while let Some(holder) = next {
            next = self.ledger.next_holder(holder);
            let (payoff, quote) = (self.marks.payoff(instrument), self.marks.quote(instrument));
            if self.ledger.reprice(holder, payoff, quote).is_none() {
                self.halt_book(self.ledger.position(holder).book, Reason::Arithmetic);
            }
            self.revalue_exposure(holder);
        }
        let mut next = self.ledger.first_holder(instrument);
        while let Some(holder) = next {
            next = self.ledger.next_holder(holder);
            self.judge_revalued(holder);
            let position = self.ledger.position(holder);
            if position.q != 0 && !self.is_second_leg(position.book, holder) {
                self.judge_book(position.book, Touch { instrument: Some(instrument), is_mark });
            }
        }
    }

    pub(super) fn on_lane(&mut self, lane: u16, strategy: u16, open: bool) {
        if !self.clients.has_lane(lane) || usize::from(strategy) >= self.limits.strategies.len() {
            self.halt(Scope::Firm, Reason::Capacity);
            return;
        }
        self.reconcile.restart(lane, self.now);
        self.forget_proofs(strategy);
        self.forget_list(lane);
        if open {
            let is_first = self.clients.lane_of(strategy).is_none();
            self.clients.open(lane, strategy, self.now);
            self.marks.renumber(strategy);
            self.ledger.renumber(strategy);
            self.watch_beat(strategy);
            if is_first {
                self.forget_connections(lane, strategy);
            }
            self.ask_to_arm(strategy);
            return;
        }
        self.forget_requests(lane);
        if self.clients.close(lane) {
            self.halt(Scope::Strategy(strategy), Reason::Corrupt);
        }
        if self.clients.lane_of(strategy).is_none() {
            self.hand_on_from(strategy);
        }
    }

    pub(super) fn on_liveness(&mut self, lane: u16, strategy: u16, sign: LivenessSign, beat: u64) {
        if !self.clients.has_lane(lane) || usize::from(strategy) >= self.limits.strategies.len() {
            bump(&mut self.counters.unhandled);
            return;
        }
        let reason = match sign {
            LivenessSign::Alive => {
                if self.clients.advances(lane, beat) {
                    self.on_beat(strategy);
                }
                return;
            }
            LivenessSign::HangUp | LivenessSign::ProcessExited => Reason::ClientDead,
            LivenessSign::Lost => Reason::Gap,
            LivenessSign::Corrupt => Reason::Corrupt,
            LivenessSign::Lag => Reason::Lag,
        };
        let scope = Scope::Strategy(strategy);
        self.doubt_client(strategy);
        let died = self.gates.begin(sticky(scope, guard::CLIENT, reason)) && reason == Reason::ClientDead;
        self.refresh_trust(scope);
        self.hand_on_from(strategy);
        if died {
            self.direct_for_the_dead(strategy);
        }
    }

    pub(super) fn on_rejected(&mut self, lane: u16, _code: u16) {
        match self.clients.strategy_of(lane) {
            Some(strategy) => self.halt(Scope::Strategy(strategy), Reason::Corrupt),
            None => self.halt(Scope::Firm, Reason::Corrupt),
        }
    }

    fn on_beat(&mut self, strategy: u16) {
        let scope = Scope::Strategy(strategy);
        let tripped = self.gates.holds(scope, guard::HEARTBEAT);
        if self.clients.beat(strategy, tripped, self.now) {
            self.gates.end(scope, guard::HEARTBEAT, Reading::NONE);
        }
        self.watch_beat(strategy);
    }

    fn beat_timer(&self, strategy: u16) -> usize {
        self.watches.id(Watch::Beat(strategy))
    }

    /// Sets the timer that finds the strategy silent, unless an earlier one will look anyway.
    fn watch_beat(&mut self, strategy: u16) {
        let timer = self.beat_timer(strategy);
        if self.timers.due(timer) == Nanos::NEVER
            && !self.gates.holds(Scope::Strategy(strategy), guard::HEARTBEAT)
        {
            self.timers.set(timer, self.clients.deadline(strategy));
        }
    }

    pub(super) fn on_beat_timer(&mut self, strategy: u16) {
        if self.clients.deadline(strategy) > self.now {
            self.watch_beat(strategy);
            return;
        }
        let (silence, timeout) = self.clients.silence(strategy, self.now);
        self.gates.begin(Hold {
            measured: report(silence.0),
            limit: report(timeout.0),
            latch: Latch::Auto,
            state: TradingState::Halted,
            ..sticky(Scope::Strategy(strategy), guard::HEARTBEAT, Reason::Heartbeat)
        });
        self.hand_on_from(strategy);
    }
}

/// Whether `next` is the continuation that `first` announced.
fn fits(first: &Message, next: &Message) -> bool {
    if first.handle != next.handle {
        return false;
    }
    match (first.event, next.event) {
        (Event::Fill { .. } | Event::FillBust { .. }, Event::FillExt { .. }) => true,
        (Event::OrderNew { order, .. }, Event::OrderExt { order: continued, .. }) => order == continued,
        _ => false,
    }
}
