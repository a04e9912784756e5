//! HOT: lists of orders that pass whole or not at all.
//!
//! ```text
//! ORDER_LIST(count) ── request, request, … ── the last one ──> all PASS
//!                                                          ──> the one that failed: its reason; the others: LIST_MEMBER
//! ```
//! A list is opened by ORDER_LIST. Its members are the next `count` records of the lane, each a request for a new order
//! with that `list_count`; they wait for the last of them, reserve nothing and are answered together, each by itself.
//! What is tried is the whole list in its order, **cumulatively**: a member is judged with those before it already
//! reserved, counted and charged, so that two halves of a room cannot each be promised all of it, and a stop-loss finds
//! the entry it protects. One that fails takes back all of them. What LIST_MEMBER measures is the number of the member
//! that failed, its limit is how many the list has.
//!
//! **Sent or simulated, whole**: a list of which one member would be simulated (its flag, or the mode of its scopes) and
//! another one sent is denied, LIST_MEMBER.
//!
//! **No list waits in a queue**: released one by one it would be torn apart. Where the buckets do not admit all of it now
//! it is denied, BUCKET_FULL. No list probes a half-open breaker, HALF_OPEN_SPENT.
//!
//! **An exit** in a list is judged at once and for itself, since nothing may get in its way; it counts as a member, and
//! one that is denied denies the others.
//!
//! **A list that is torn** by any other record of its lane, or by another list, is denied as far as it came, measured how
//! many came; so is a member of a list nobody announced, measured 0, and each member of one that is longer than
//! [`MEMBERS`], which is then the limit. When its lane closes nobody is left to be told. In gate mode orders are announced and
//! nothing is asked, so a list binds nothing there. The mode of the list (OCO, OTO, BATCH) is its owner's affair: what may fill
//! together is told by groups and parents.

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
use super::checks::{Denial, Grant, Ticket};
use super::exact::bump;
use super::gates::guard;
use super::lanes::Place;
use super::limits::Limits;
use super::orders::Stage;
use super::rate_limit::{Admission, Rank};
use super::requests::Request;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_room, is_as_long};
use crate::model::event::{Intent, OrderAction};
use crate::model::verdict::Verdict;
use crate::model::{Event, Flags, Message, Reason, Scope};

/// Members of the longest list.
pub(super) const MEMBERS: usize = 16;

/// A request that waits for the rest of its list.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Member {
    place: Place,
    message: Message,
    rest: Option<Event>,
    /// Its number in the list, from 1.
    number: u32,
}

/// The list a lane has open.
#[derive(Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct List {
    /// How many there are to be; 0 while none is open.
    count: u32,
    /// How many have come.
    came: u32,
    /// The number of an exit among them that was denied; 0 for none.
    failed: u32,
    members: Vec<Member>,
}

/// The open list of every lane.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct OrderLists {
    lanes: Vec<List>,
    /// How many are open.
    open: u32,
}

#[cfg(feature = "sidecar")]
impl Fit for List {
    fn fit(&mut self, fresh: Self) -> bool {
        into_room(&mut self.members, fresh.members)
    }
}

#[cfg(feature = "sidecar")]
impl Fit for OrderLists {
    fn fit(&mut self, fresh: Self) -> bool {
        is_as_long(&self.lanes, &fresh.lanes) && self.lanes.fit(fresh.lanes)
    }
}

#[cfg(feature = "sidecar")]
impl OrderLists {
    /// Whether every member is of a book and an instrument there are.
    pub(super) fn points_inside(&self, limits: &Limits) -> bool {
        self.lanes.iter().flat_map(|list| &list.members).all(|member| member.place.exists(limits))
    }
}

impl OrderLists {
    pub(super) fn new(limits: &Limits) -> Self {
        let list = || List { members: Vec::with_capacity(MEMBERS), ..List::default() };
        Self { lanes: (0..limits.capacity.lanes).map(|_| list()).collect(), open: 0 }
    }

    fn of(&mut self, lane: u16) -> Option<&mut List> {
        self.lanes.get_mut(usize::from(lane)).filter(|list| list.count > 0)
    }

    /// Ends the list of a lane: the room of its members, to be given back by [`OrderLists::keep`], and what it was.
    fn close(&mut self, lane: u16) -> Option<List> {
        let list = core::mem::take(self.of(lane)?);
        self.open = self.open.saturating_sub(1);
        Some(list)
    }

    fn keep(&mut self, lane: u16, mut members: Vec<Member>) {
        members.clear();
        if let Some(list) = self.lanes.get_mut(usize::from(lane)) {
            list.members = members;
        }
    }
}

/// How many orders the list of a request for a new order has; `None` for anything else.
fn listed(message: &Message) -> Option<u32> {
    match message.event {
        Event::OrderNew { list_count, .. } if message.flags.contains(Flags::PERMIT) => {
            Some(u32::from(list_count))
        }
        _ => None,
    }
}

fn is_exit(message: &Message) -> bool {
    matches!(message.event, Event::OrderNew { attrs, .. } if attrs.intent == Intent::Exit)
}

/// Denied for what another member, or nobody, has done.
fn for_the_list(place: Place, measured: u32, limit: u32) -> Denial {
    Denial::of(Reason::ListMember, Scope::Book(place.book), i64::from(measured), i64::from(limit))
}

impl Member {
    fn request(&self) -> Request<'_> {
        let order = match self.message.event {
            Event::OrderNew { order, .. } => order.get(),
            _ => 0,
        };
        Request {
            place: self.place,
            message: &self.message,
            rest: self.rest.as_ref(),
            order,
            action: OrderAction::New,
            queued: None,
        }
    }
}

impl Engine {
    /// Takes a record that opens a list or is a member of one. `false`: it is a record by itself, and no list of its
    /// lane is open any more.
    pub(super) fn gather(&mut self, place: Place, message: &Message, rest: Option<&Event>) -> bool {
        let Place { lane, .. } = place;
        let size = listed(message);
        if let Event::OrderList { count, .. } = message.event {
            self.tear_list(lane);
            if let Some(list) = self.lists.lanes.get_mut(usize::from(lane)).filter(|_| count > 0) {
                (list.count, list.came, list.failed) = (count, 0, 0);
                self.lists.open = self.lists.open.saturating_add(1);
            }
            return true;
        }
        if self.lists.open == 0 && size.is_none_or(|size| size == 0) {
            return false;
        }
        let Some(list) = self.lists.of(lane).filter(|list| size == Some(list.count)) else {
            self.tear_list(lane);
            let Some(size) = size.filter(|&size| size > 0 && !is_exit(message)) else { return false };
            self.deny_member(place, message, rest, &for_the_list(place, 0, size));
            return true;
        };
        list.came = list.came.saturating_add(1);
        let (number, count) = (list.came, list.count);
        self.take_member(Member { place, message: *message, rest: rest.copied(), number }, count);
        if number == count {
            self.settle_list(lane);
        }
        true
    }

    fn take_member(&mut self, member: Member, count: u32) {
        let Member { place, message, number, .. } = member;
        if is_exit(&message) {
            self.on_request(place, &message, member.rest.as_ref());
            let verdict = self.gates.outcome.verdicts.last().map(|given| given.record.verdict);
            if matches!(verdict, Some(Verdict::Deny | Verdict::Dropped | Verdict::ExitUnverified))
                && let Some(list) = self.lists.of(place.lane)
            {
                list.failed = number;
            }
            return;
        }
        let longest = MEMBERS as u32;
        if count > longest {
            return self.deny_member(
                place,
                &message,
                member.rest.as_ref(),
                &for_the_list(place, count, longest),
            );
        }
        if let Some(list) = self.lists.of(place.lane) {
            list.members.push(member);
        }
    }

    /// Denies what has come of a list that will never be whole.
    pub(super) fn tear_list(&mut self, lane: u16) {
        let Some(List { members, came, count, .. }) = self.lists.close(lane) else { return };
        for member in &members {
            let denial = for_the_list(member.place, came, count);
            self.deny_member(member.place, &member.message, member.rest.as_ref(), &denial);
        }
        self.lists.keep(lane, members);
    }

    /// A lane has closed: nobody is left to hear of its list.
    pub(super) fn forget_list(&mut self, lane: u16) {
        let Some(List { members, .. }) = self.lists.close(lane) else { return };
        for _ in &members {
            bump(&mut self.counters.dropped);
        }
        self.lists.keep(lane, members);
    }

    fn deny_member(&mut self, place: Place, message: &Message, rest: Option<&Event>, denial: &Denial) {
        bump(&mut self.counters.requests);
        let member = Member { place, message: *message, rest: rest.copied(), number: 0 };
        self.deny(&member.request(), denial);
    }

    /// All members have come.
    fn settle_list(&mut self, lane: u16) {
        let Some(List { members, count, failed, .. }) = self.lists.close(lane) else { return };
        let mut culprit = (failed > 0).then_some((failed, None));
        let mut tried = 0_usize;
        for member in &members {
            bump(&mut self.counters.requests);
            let looked = self.look_at_member(member);
            if culprit.is_some() {
                continue;
            }
            match looked.and_then(|ticket| self.try_member(member, &ticket)) {
                Ok(()) => tried = tried.saturating_add(1),
                Err(denial) => culprit = Some((member.number, Some(denial))),
            }
        }
        // Sent in part and simulated in part it would not pass whole, and what is only simulated covers nothing real.
        let simulated = members.iter().find(|member| !self.is_sent(member)).map(|member| member.number);
        if culprit.is_none() && members.iter().any(|member| self.is_sent(member)) {
            culprit = simulated.map(|number| (number, None));
        }
        let whole = culprit.is_none();
        // The last one first, so that no child outlives its entry.
        for member in members.iter().take(tried).rev() {
            self.end_trial(member, whole);
        }
        // All of them leave before the first is answered: a verdict is of the epoch after whatever that trips.
        for member in members.iter().filter(|_| whole) {
            self.send_member(member);
        }
        for member in &members {
            match culprit {
                None if self.is_sent(member) => self.permit(&member.request(), Verdict::Pass, 0),
                None => self.permit(&member.request(), Verdict::Paper, 0),
                Some((number, Some(denial))) if number == member.number => {
                    self.deny(&member.request(), &denial);
                }
                Some((number, _)) => {
                    self.deny(&member.request(), &for_the_list(member.place, number, count));
                }
            }
        }
        self.lists.keep(lane, members);
    }

    /// What is looked at, and counted, whatever else is wrong with the list.
    fn look_at_member(&mut self, member: &Member) -> Result<Ticket, Denial> {
        let Member { place, message, rest, .. } = member;
        let instrument = place.instrument.unwrap_or_default();
        let unread = Denial::of(Reason::Corrupt, Scope::Strategy(place.strategy), 0, 0);
        let ticket = self.ticket(message, rest.as_ref(), instrument).ok_or(unread)?;
        self.look_and_count(*place, &ticket)?;
        Ok(ticket)
    }

    /// Judges a member beside those before it, and reserves, counts and charges it for those behind it.
    fn try_member(&mut self, member: &Member, ticket: &Ticket) -> Result<(), Denial> {
        let place = member.place;
        let book = Scope::Book(place.book);
        let (grant, rank) = self.judge_new(place, ticket)?;
        if grant == Grant::Probe {
            return Err(Denial::of(Reason::HalfOpenSpent, book, 0, 0).by(guard::ERROR_RATE, 0));
        }
        self.check_admission(&member.request(), rank)?;
        if self.reserve(place, ticket).is_none() {
            self.halt(book, Reason::Capacity);
            return Err(Denial::of(Reason::Capacity, book, 0, 0));
        }
        self.check_position(place.on(ticket.side));
        self.foresee_sent(place.book, true);
        self.buckets.charge(member.request().charge(), self.now);
        Ok(())
    }

    /// Whether the buckets admit a member now, behind nobody.
    fn check_admission(&self, request: &Request<'_>, rank: Rank) -> Result<(), Denial> {
        if let Some(denial) = self.beyond_band(request, rank) {
            return Err(denial);
        }
        let charge = request.charge();
        let queue = &self.queues[usize::from(self.venue_of[usize::from(request.place.account)])];
        let denial = Denial::of(Reason::BucketFull, Scope::Account(request.place.account), 0, 0);
        let until = match self.buckets.ask(charge, rank, self.now) {
            Admission::Now if !queue.is_behind(charge, rank, &self.buckets) => return Ok(()),
            Admission::Now => queue.next(&self.buckets, self.now),
            Admission::Wait { until, .. } => until,
            Admission::Never { .. } => return Err(denial),
        };
        Err(Denial { extra: until.since(self.now).0, ..denial })
    }

    /// Takes back what a trial has counted and charged, and, unless it goes on, what it has reserved.
    fn end_trial(&mut self, member: &Member, goes_on: bool) {
        let Member { place, .. } = *member;
        self.foresee_sent(place.book, false);
        self.buckets.refund(member.request().charge(), self.now, self.now);
        if !goes_on || !self.is_sent(member) {
            let Some(entry) = self.orders.find(&place.key(member.request().order)) else { return };
            self.orders.get_mut(entry).stage = Stage::Waiting;
            self.recount_order(place, entry);
            self.orders.withdraw(entry);
        }
    }

    /// Whether a member that passes is sent, and not only simulated.
    fn is_sent(&self, member: &Member) -> bool {
        let simulated = member.message.flags.contains(Flags::PAPER);
        !simulated && self.grant(member.place) == Grant::Send
    }

    fn send_member(&mut self, member: &Member) {
        let sent = self.orders.find(&member.place.key(member.request().order));
        if let Some(entry) = sent.filter(|_| self.is_sent(member)) {
            self.leave(member.place, entry, OrderAction::New);
        }
    }
}
