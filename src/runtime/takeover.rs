//! COLD: how a core takes over from one that died: lanes, verdicts, words.
//!
//! What the journal says happened has happened, whether or not the dead core still told anybody. So, in this order:
//! what the last input led to is delivered where it was not; lanes that the journal or the keeper does not know are
//! closed; everything a client had published by then is drained; and only then is a first lease written. Clients do
//! nothing and notice nothing but gates that were closed for a while.
//!
//! A halt word can be stored before its record is committed. Its record is then still in a lane, or its timer still due,
//! and is decided again, whatever the records behind it then change; a word that was never as tight again as the dead core
//! left it is latched, UNRECORDED.

use super::bridge::{FromLoop, MappedLane};
use super::duty::{Duty, scope_of};
use super::history::{History, Journal};
use super::lanes::ActiveLane;
use crate::engine::{LaneDirective, LaneVerdict};
use crate::journal::log::HotLog;
use crate::journal::replica::{LaneState, Replica};
use crate::model::event::LivenessSign;
use crate::model::verdict::VerdictRecord;
use crate::model::{Event, HaltWord, Nanos, Reason, Scope};
use crate::shm::gate::GatePage;
use crate::shm::shared::OpenLane;
use crate::wire::layout::Geometry;

/// What a core finds when it starts.
pub(super) struct Found {
    /// The lanes that the keeper has.
    pub(super) lanes: Vec<OpenLane>,
    /// Cores of this keeper that died before.
    pub(super) restarts: u32,
    /// Which keeper this is.
    pub(super) keeper: u64,
    /// Words as the dead core left them.
    pub(super) words: Vec<(Scope, HaltWord)>,
}

/// What is left to do once the duty cycle stands.
pub(super) struct Takeover {
    found: Found,
    journaled: Vec<LaneState>,
    verdicts: Vec<LaneVerdict>,
    directives: Vec<LaneDirective>,
    reply: Option<VerdictRecord>,
    resumed: bool,
    /// The open lanes of the journal are this keeper's, and so is the operator's.
    same_keeper: bool,
    log: Option<HotLog>,
    away_since: Nanos,
}

/// The words of the gate page that a core left there.
pub(super) fn words_left(gate: &GatePage, geometry: &Geometry) -> Vec<(Scope, HaltWord)> {
    let accounts = (0..geometry.accounts).map(Scope::Account);
    let books = (0..geometry.books).map(Scope::Book);
    let instruments = (0..geometry.accounts).flat_map(|account| {
        (0..geometry.instruments).map(move |instrument| Scope::Instrument(account, instrument))
    });
    let scopes = accounts.chain(books).chain(instruments);
    scopes.filter_map(|scope| gate.load(scope).map(|word| (scope, word))).collect()
}

impl Takeover {
    pub(super) fn new(found: Found, history: &History, journal: Option<&Journal>) -> Self {
        let History { replica, resumed, .. } = history;
        let outcome = replica.engine().outcome();
        Self {
            same_keeper: journal.is_none_or(|journal| journal.log.keeper() == found.keeper),
            log: journal.map(|journal| journal.log.clone()),
            found,
            journaled: replica.lanes().to_vec(),
            verdicts: outcome.verdicts().to_vec(),
            directives: outcome.directives().to_vec(),
            reply: outcome.reply(),
            resumed: *resumed,
            away_since: replica.now(),
        }
    }

    /// The operator's lane, where the dead core left it.
    pub(super) fn operators(&self, mapped: MappedLane, replica: &Replica, now: Nanos) -> ActiveLane {
        match replica.lanes().first().filter(|_| self.same_keeper) {
            Some(state) => ActiveLane::resume(Box::new(mapped), state, now),
            None => ActiveLane::new(Box::new(mapped), now),
        }
    }

    /// Goes on where the dead core stopped. No lease runs yet.
    pub(super) fn carry_out(
        mut self,
        duty: &mut Duty,
        operator: ActiveLane,
        geometry: &Geometry,
        now: Nanos,
    ) {
        duty.resume_lane(operator);
        duty.unexplained = self.unexplained(duty);
        let lanes = std::mem::take(&mut self.found.lanes);
        let gone: Vec<_> = lanes.iter().filter_map(|lane| Some((lane.number, lane.closing?))).collect();
        lanes.into_iter().for_each(|lane| self.resume_lane(duty, lane, geometry, now));
        if self.resumed {
            // Before any other input: a core that dies on the way leaves this one as the last.
            self.deliver_last(duty);
            let (away, fresh) = (now.since(self.away_since), u8::from(!self.same_keeper));
            duty.apply_own(now, Event::Recovered { restarts: self.found.restarts, fresh, away });
            self.close_lost_lanes(duty, now);
            if let Some(log) = &self.log {
                log.set_keeper(self.found.keeper);
            }
            let gone = gone.into_iter().filter(|(lane, _)| duty.has_lane(*lane)).collect::<Vec<_>>();
            gone.into_iter().for_each(|(lane, sign)| duty.close_lane(lane, sign, now));
        }
        duty.drain_what_waits(now);
        for (scope, left) in std::mem::take(&mut duty.unexplained) {
            let detail = left.to_raw();
            duty.apply_own(now, Event::Doubt { scope, reason: Reason::Unrecorded, detail });
        }
        // Only now: until it is latched, the word itself is all that tells of a halt without a record.
        duty.publish_words();
    }

    fn resume_lane(&self, duty: &mut Duty, lane: OpenLane, geometry: &Geometry, now: Nanos) {
        let number = lane.number;
        let state = self.journaled.get(usize::from(number));
        let known =
            state.filter(|state| self.resumed && state.open == Some((lane.strategy, lane.generation)));
        let Some(state) = known else {
            // Closed already, as far as anybody will ever know; whoever has it is told, and attaches again.
            duty.positions.listen(number, 0);
            return duty.tell(FromLoop::NotHere { lane: number });
        };
        let mapped = MappedLane::inherited(lane, geometry);
        duty.resume_lane(ActiveLane::resume(Box::new(mapped), state, now));
    }

    /// Delivers what the last input of the journal led to, unless the dead core did.
    fn deliver_last(&self, duty: &mut Duty) {
        for verdict in &self.verdicts {
            duty.redeliver(verdict.lane, |answers, cursor| answers.verdict_again(verdict, cursor));
        }
        for directive in &self.directives {
            duty.redeliver(directive.lane, |answers, cursor| answers.directive_again(directive, cursor));
        }
        if let Some(reply) = self.reply {
            duty.reply_again(reply);
        }
    }

    /// Lanes that were open when the journal ended and that the keeper does not have.
    fn close_lost_lanes(&self, duty: &mut Duty, now: Nanos) {
        for (lane, state) in (0..).zip(&self.journaled) {
            let Some((strategy, generation)) = state.open.filter(|_| !duty.has_lane(lane)) else { continue };
            // Under this keeper it was never granted, so nobody wrote to it. With the keeper before went the lane itself
            // and whatever was in it.
            if !self.same_keeper {
                let (sign, beat) = (LivenessSign::HangUp, 0);
                duty.apply_own(now, Event::Liveness { lane, strategy, sign, beat });
            }
            duty.apply_own(now, Event::Lane { lane, strategy, open: 0, generation });
        }
    }

    /// The words that the dead core left tighter than its journal says.
    fn unexplained(&self, duty: &Duty) -> Vec<(Scope, HaltWord)> {
        let is_tighter = |&&(scope, left): &&(Scope, HaltWord)| {
            let stands = duty.engine.words().find(|(id, _)| scope_of(*id) == scope);
            stands.is_some_and(|(_, word)| word.state > left.state)
        };
        self.found.words.iter().filter(|_| self.resumed).filter(is_tighter).copied().collect()
    }
}
