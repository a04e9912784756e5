//! COLD: an entry of a journal in words: names where the limits have them, decimals where the instrument is known.

use std::rc::Rc;

use crate::control::clock;
use crate::control::scopes::{account_name, scope_text, strategy_name};
use crate::engine::Limits;
use crate::journal::record::Stamp;
use crate::journal::replica::Replica;
use crate::model::event::{event_table, *};
use crate::model::verdict::{Task, VerdictRecord};
use crate::model::{
    Bps, Event, Flags, Handle, Latch, Leg, Lots, Money, Nanos, Reason, Scope, Ticks, TradingState,
};
use crate::shm::shared::OPERATOR_LANE;
use crate::wire::answer::{Answer, DIRECTIVE_KIND, VERDICT_KIND};
use crate::wire::record::{PRESENCE_BITS, Words, decode, has_presence_bits};

/// What is known besides the entry itself: the clock, open lanes, names and decimals.
#[derive(Clone, Debug)]
pub(in crate::control::cli) struct Names {
    limits: Option<Rc<Limits>>,
    lanes: Vec<Option<u16>>,
    now: Nanos,
    utc_of_zero: u64,
}

/// One entry, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::control::cli) struct Line {
    pub(super) sequence: u64,
    /// On the engine's clock.
    pub(super) time_ns: u64,
    pub(super) utc: String,
    /// The lane's strategy, `lane 3` where it is not known, `operator`, or empty for the sidecar itself.
    pub(super) from: String,
    pub(super) account: String,
    pub(super) instrument: String,
    pub(super) kind: &'static str,
    pub(super) flags: String,
    pub(super) epoch: u16,
    pub(super) fields: Vec<(&'static str, String)>,
}

impl Line {
    /// The fields as `name=value`, separated by spaces.
    pub(super) fn detail(&self) -> String {
        self.fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }
}

impl core::fmt::Display for Line {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let from = if self.from.is_empty() { "-" } else { &self.from };
        write!(f, "{} {} {from} {}", self.sequence, self.utc, self.kind)?;
        for (name, value) in
            [("account", &self.account), ("instrument", &self.instrument), ("flags", &self.flags)]
        {
            if !value.is_empty() {
                write!(f, " {name}={value}")?;
            }
        }
        if self.fields.is_empty() { Ok(()) } else { write!(f, " {}", self.detail()) }
    }
}

impl Names {
    /// What a piece of a journal starts with.
    pub(super) fn new(start: Option<&Replica>, utc_of_zero: u64) -> Self {
        let Some(start) = start else {
            return Self { limits: None, lanes: Vec::new(), now: Nanos::ZERO, utc_of_zero };
        };
        Self {
            limits: Some(Rc::new(start.engine().limits().clone())),
            lanes: start.lanes().iter().map(|lane| lane.open.map(|(strategy, _)| strategy)).collect(),
            now: start.now(),
            utc_of_zero,
        }
    }

    /// Takes an entry in: the clock goes on, lanes open and close.
    pub(super) fn follow(&mut self, stamp: &Stamp, words: &Words) {
        self.now = self.now.after(stamp.dt);
        let is_answer = matches!(words[1] as u8, VERDICT_KIND | DIRECTIVE_KIND);
        match decode(words).ok().filter(|_| !is_answer).map(|message| message.event) {
            Some(Event::Tick { now }) => self.now = self.now.max(now),
            Some(Event::WallClock { utc_ns }) => {
                self.utc_of_zero = u64::try_from(utc_ns).unwrap_or(0).saturating_sub(self.now.0);
            }
            Some(Event::Lane { lane, strategy, open, .. }) => {
                let at = usize::from(lane);
                if self.lanes.len() <= at {
                    self.lanes.resize(at.saturating_add(1), None);
                }
                self.lanes[at] = (open != 0).then_some(strategy);
            }
            _ => {}
        }
    }

    /// The entry that was followed last.
    pub(in crate::control::cli) fn line(&self, stamp: &Stamp, words: &Words) -> Line {
        let handle = Handle((words[1] >> 32) as u32);
        let (kind, flags, fields) = self.parts(words, handle);
        let limits = self.limits.as_deref();
        let account = handle.account().map(|account| {
            limits.and_then(|limits| account_name(limits, account)).map_or(account.to_string(), str::to_owned)
        });
        let instrument = handle.instrument().map(|index| {
            let row = limits.and_then(|limits| limits.instruments.get(usize::from(index)));
            row.map_or(index.to_string(), |row| row.name.to_string())
        });
        Line {
            sequence: stamp.sequence,
            time_ns: self.now.0,
            utc: clock::utc_text(self.utc_of_zero.saturating_add(self.now.0)),
            from: stamp.lane.map_or(String::new(), |lane| self.from(lane)),
            account: account.unwrap_or_default(),
            instrument: instrument.unwrap_or_default(),
            kind,
            flags,
            epoch: (words[1] >> 16) as u16,
            fields,
        }
    }

    /// An outcome in words: what an entry of it would say.
    pub(in crate::control::cli) fn outcome(&self, lane: Option<u16>, words: &Words) -> String {
        let (kind, _, fields) = self.parts(words, Handle((words[1] >> 32) as u32));
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let to = lane.map_or(String::new(), |lane| format!(" to {}", self.from(lane)));
        format!("{kind}{to}{}", fields.concat())
    }

    fn from(&self, lane: u16) -> String {
        if lane == OPERATOR_LANE {
            return "operator".to_owned();
        }
        let strategy = self.lanes.get(usize::from(lane)).copied().flatten();
        let name =
            strategy.zip(self.limits.as_deref()).and_then(|(index, limits)| strategy_name(limits, index));
        name.map_or_else(|| format!("lane {lane}"), str::to_owned)
    }

    fn parts(&self, words: &Words, handle: Handle) -> (&'static str, String, Vec<(&'static str, String)>) {
        let units = Units::new(self.limits.as_deref(), handle);
        if matches!(words[1] as u8, VERDICT_KIND | DIRECTIVE_KIND) {
            // The last word of an entry is not the answer's.
            let [_, header, a, b, c, d, e, _] = *words;
            return match Answer::from_words(&[0, header, a, b, c, d, e, 0]) {
                Some(Answer::Verdict { record, .. }) => ("VERDICT", String::new(), verdict(&record)),
                Some(Answer::Directive { directive, .. }) => {
                    let task = match directive.task {
                        Task::CancelIncreasing { scope } => {
                            format!("cancel increasing {}", units.scope(scope))
                        }
                        Task::CancelAll { scope } => format!("cancel all {}", units.scope(scope)),
                        Task::Flatten { scope, leg, qty } => {
                            let leg = match leg {
                                Leg::Net => "",
                                Leg::Long => " long",
                                Leg::Short => " short",
                            };
                            format!("flatten {} {}{leg}", Lots(qty).shown("", &units), units.scope(scope))
                        }
                        Task::Resize { order, qty } => {
                            format!("resize {order} to {}", Lots(qty).shown("", &units))
                        }
                        other => format!("{other:?}"),
                    };
                    let fields = [("id", directive.id.to_string()), ("task", task)];
                    let why = ("reason", directive.reason.to_string());
                    ("DIRECTIVE", String::new(), fields.into_iter().chain([why]).collect())
                }
                _ => ("UNREADABLE", String::new(), Vec::new()),
            };
        }
        match decode(words) {
            Ok(message) => {
                let (kind, fields) = fields(&message.event, &units);
                // What of a MARK or BOOK is present its fields tell; the bits that say so are other flags elsewhere.
                let presence = if has_presence_bits(words[1] as u8) { PRESENCE_BITS } else { 0 };
                let shown = message.flags.difference(Flags::from_bits_retain(presence));
                let flags: Vec<&str> = shown.iter_names().map(|(name, _)| name).collect();
                (kind, flags.join("|"), fields)
            }
            Err(_) => ("UNREADABLE", String::new(), Vec::new()),
        }
    }
}

fn verdict(record: &VerdictRecord) -> Vec<(&'static str, String)> {
    let reason = record.reason.map_or("none".to_owned(), |reason| reason.to_string());
    vec![
        ("order", record.order.to_string()),
        ("verdict", format!("{:?}", record.verdict)),
        ("reason", reason),
        ("guard", record.guard.to_string()),
        ("measured", record.measured.to_string()),
        ("limit", record.limit.to_string()),
        ("extra", record.extra.to_string()),
    ]
}

/// Decimals of the instrument an entry is about, and the names of scopes.
struct Units<'a> {
    limits: Option<&'a Limits>,
    price: u8,
    qty: u8,
}

impl<'a> Units<'a> {
    fn new(limits: Option<&'a Limits>, handle: Handle) -> Self {
        let instrument = handle.instrument().zip(limits);
        let row = instrument.and_then(|(index, limits)| limits.instruments.get(usize::from(index)));
        let (price, qty) = row.map_or((0, 0), |row| (row.price_decimals, row.qty_decimals));
        Self { limits, price, qty }
    }

    fn scope(&self, scope: Scope) -> String {
        self.limits.map_or_else(|| scope.to_string(), |limits| scope_text(limits, scope))
    }
}

/// An integer number of units as a decimal.
fn decimal(units: i64, decimals: u8) -> String {
    Money(i128::from(units).saturating_mul(10_i128.pow(u32::from(9 - decimals.min(9))))).to_string()
}

/// A field in words.
trait Shown {
    fn shown(&self, name: &str, units: &Units<'_>) -> String;
}

macro_rules! plain {
    ($form:literal: $($kind:ty),+) => {
        $(impl Shown for $kind {
            fn shown(&self, _: &str, _: &Units<'_>) -> String { format!($form, self) }
        })+
    };
}
plain!("{}": u8, u16, u32, u64, i32, Money, Bps, Reason);
plain!("{:?}": HeartbeatClass, ConnectionState, RetryType, ListMode, OrderAction, RejectClass, DoneStatus);
plain!("{:?}": Initiator, FillCause, InstrumentStatus, FlowKind, DirectiveStatus, FeedbackForm, Severity);
plain!("{:?}": CommandVerb, LivenessSign, Latch, TradingState);
plain!("{:x?}": [u64; 4]);

impl Shown for i64 {
    fn shown(&self, name: &str, _: &Units<'_>) -> String {
        match name {
            "fee" | "cum_fee" if *self == i64::MIN => "unknown".to_owned(),
            "fee" | "cum_fee" | "quote_cost" => Money(i128::from(*self)).to_string(),
            _ => self.to_string(),
        }
    }
}

impl Shown for Ticks {
    fn shown(&self, _: &str, units: &Units<'_>) -> String {
        decimal(self.0, units.price)
    }
}

impl Shown for Lots {
    fn shown(&self, _: &str, units: &Units<'_>) -> String {
        decimal(self.0, units.qty)
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self, name: &str, units: &Units<'_>) -> String {
        self.as_ref().map_or("none".to_owned(), |value| value.shown(name, units))
    }
}

impl Shown for Nanos {
    fn shown(&self, _: &str, _: &Units<'_>) -> String {
        format!("{}ns", self.0)
    }
}

impl Shown for OrderId {
    fn shown(&self, _: &str, _: &Units<'_>) -> String {
        self.get().to_string()
    }
}

impl Shown for OrderAttrs {
    fn shown(&self, _: &str, _: &Units<'_>) -> String {
        let Self { order_type, tif, intent, directive } = self;
        match directive {
            0 => format!("{order_type:?}/{tif:?}/{intent:?}"),
            id => format!("{order_type:?}/{tif:?}/{intent:?}/{id}"),
        }
    }
}

impl Shown for Scope {
    fn shown(&self, _: &str, units: &Units<'_>) -> String {
        units.scope(*self)
    }
}

macro_rules! by_kind {
    ($($(#[$doc:meta])* $kind:literal $wire:ident $variant:ident {
        $($field:ident: $ty:ty = $word:literal @ $bit:literal),* $(,)?
    })+) => {
        fn fields(event: &Event, units: &Units<'_>) -> (&'static str, Vec<(&'static str, String)>) {
            match event {
                $(Event::$variant { $($field,)* } => (
                    stringify!($wire),
                    vec![$((stringify!($field), $field.shown(stringify!($field), units)),)*],
                ),)+
            }
        }
    };
}
event_table!(by_kind);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Message;
    use crate::wire::record::encode;

    #[test]
    fn flags_are_named_but_for_those_that_say_what_is_present() {
        let px = Some(Ticks(100));
        let mark = Event::Mark { mark: px, index: px, last: None, underlying: px, sequence: 1 };
        let fill = Event::Fill { order: 1, exec: 2, px: Ticks(100), qty: Lots(1), fee: 0 };
        for (event, flags, shown) in [
            (mark, Flags::empty(), ""),
            (mark, Flags::PAPER, "PAPER"),
            (fill, Flags::SELL, "SELL"),
            (fill, Flags::SELL | Flags::MAKER, "SELL|MAKER"),
        ] {
            let words = encode(&Message { flags, epoch: 0, handle: Handle(0), event });
            let stamp = Stamp { sequence: 1, lane: None, dt: Nanos::ZERO };
            let line = Names::new(None, 0).line(&stamp, &words);
            assert_eq!((line.flags.as_str(), line.fields.is_empty()), (shown, false), "{event:?}");
        }
    }
}
