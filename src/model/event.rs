//! What strategies publish and what else reaches the engine: one table of every record kind.
//!
//! Each row of `event_table!` gives the stable kind number, its name, the [`Event`] variant and where each
//! field sits in the five payload words `a`–`e`. The [`Event`] type is made from it here, the codec in
//! [`crate::wire::record`] from the same rows, so that the two cannot disagree.

use super::{Bps, Latch, Lots, Money, Nanos, Reason, Scope, Ticks, TradingState};

bitflags::bitflags! {
    /// The flags byte of a record. Kinds with presence bits (MARK, BOOK) give bits 0–3 to their words a–d.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
    pub struct Flags: u8 {
        /// Sell side; clear means buy.
        const SELL = 1 << 0;
        /// The long leg of a hedge-mode position.
        const LEG_LONG = 1 << 1;
        /// The short leg of a hedge-mode position.
        const LEG_SHORT = 1 << 2;
        /// The venue itself enforces that this order only reduces.
        const VENUE_REDUCE_ONLY = 1 << 3;
        /// A simulated fill or order.
        const PAPER = 1 << 4;
        /// Maker or post-only.
        const MAKER = 1 << 5;
        /// A verdict is wanted before the order is sent.
        const PERMIT = 1 << 6;
        /// The group goes on with the next record; it is applied when its last one arrives.
        const MORE = 1 << 7;
    }
}

/// What a lane may name: an account, and on it an instrument. Granted at look-up, opaque to clients.
///
/// ```text
///  31      24 23      16 15             0
/// +----------+----------+----------------+
/// | lane tag | account+1|  instrument    |   instrument 0 = account level
/// +----------+----------+----------------+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Handle(pub u32);

impl Handle {
    /// Accounts a handle can tell apart.
    pub const MAX_ACCOUNTS: u16 = 255;
    /// Instruments a handle can tell apart.
    pub const MAX_INSTRUMENTS: u16 = u16::MAX - 1;

    /// The handle of `account` and, unless account level, `instrument` (both from 0) on lane `lane`.
    #[must_use]
    pub const fn new(lane: u16, account: u16, instrument: Option<u16>) -> Self {
        let instrument = match instrument {
            Some(index) => index as u32 + 1,
            None => 0,
        };
        Self((lane as u32 & 0xff) << 24 | ((account as u32 + 1) & 0xff) << 16 | instrument)
    }

    /// Low eight bits of the lane this handle was granted to.
    #[must_use]
    pub const fn lane_tag(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// The account, from 0; `None` in a handle that was never granted.
    #[must_use]
    pub const fn account(self) -> Option<u16> {
        match (self.0 >> 16 & 0xff) as u16 {
            0 => None,
            account => Some(account - 1),
        }
    }

    /// The instrument, from 0; `None` at account level.
    #[must_use]
    pub const fn instrument(self) -> Option<u16> {
        match self.0 as u16 {
            0 => None,
            instrument => Some(instrument - 1),
        }
    }
}

/// One record as the engine sees it: header and decoded payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Message {
    /// Side, leg, mode and grouping.
    pub flags: Flags,
    /// Low bits of the halt epoch the writer had seen.
    pub epoch: u16,
    /// Account and instrument.
    pub handle: Handle,
    /// The payload.
    pub event: Event,
}

impl Message {
    /// Whether it is a request: an action on orders whose writer waits for a verdict.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        self.flags.contains(Flags::PERMIT)
            && matches!(
                self.event,
                Event::OrderNew { .. }
                    | Event::OrderModify { .. }
                    | Event::OrderCancel { .. }
                    | Event::OrderCancelAll { .. }
            )
    }
}

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident: $repr:ty { $($variant:ident = $number:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
        #[repr($repr)]
        #[allow(missing_docs, reason = "each variant is the FIX or venue term it names")]
        pub enum $name { $($variant = $number,)+ }

        impl $name {
            /// The member with this number.
            #[must_use]
            pub const fn from_raw(raw: $repr) -> Option<Self> {
                match raw { $($number => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

numbered! {
    /// What a heartbeat proves.
    HeartbeatClass: u32 { Transport = 0, Application = 1, Work = 2, }
}
numbered! {
    /// State of a connection to a venue or service.
    ConnectionState: u32 { Up = 0, Down = 1, Retrying = 2, AuthFailed = 3, }
}
numbered! {
    /// What is being retried.
    RetryType: u32 { TokenRefresh = 0, Order = 1, Request = 2, }
}
numbered! {
    /// Order type.
    OrderType: u8 { Market = 0, Limit = 1, Stop = 2, StopLimit = 3, Trailing = 4, Peg = 5, }
}
numbered! {
    /// Time in force.
    TimeInForce: u8 { Day = 0, Gtc = 1, Ioc = 2, Fok = 3, Gtd = 4, }
}
numbered! {
    /// What the order is for.
    Intent: u8 { Open = 0, Reduce = 1, Protect = 2, Exit = 3, }
}
numbered! {
    /// How the orders of a list depend on each other.
    ListMode: u32 { Oco = 0, Oto = 1, Batch = 2, }
}
numbered! {
    /// Which request a reject or NOT_SENT answers.
    OrderAction: u8 { New = 0, Modify = 1, Cancel = 2, }
}
numbered! {
    /// Class of a reject.
    RejectClass: u8 { Unmapped = 0,
        Invalid = 1, Funds = 2, VenueRisk = 3, Infrastructure = 4, Timeout = 5, Auth = 6, Rate = 7,
        Liquidation = 8, DuplicateId = 9,
    }
}
numbered! {
    /// Terminal status of an order.
    DoneStatus: u8 { Canceled = 0, Expired = 1, Filled = 2, RejectedLate = 3, }
}
numbered! {
    /// Who ended an order.
    Initiator: u8 { Owner = 0, Venue = 1, SelfTrade = 2, Liquidation = 3, }
}
numbered! {
    /// Why a fill happened.
    FillCause: u16 {
        Normal = 0, Liquidation = 1, Adl = 2, Insurance = 3, Delivery = 4, Block = 5, External = 6,
    }
}
numbered! {
    /// Trading session of an instrument.
    InstrumentStatus: u32 { Open = 0, Auction = 1, Halted = 2, Closed = 3, Expired = 4, }
}
numbered! {
    /// What a cash flow is.
    FlowKind: u16 {
        Deposit = 0, Withdrawal = 1, Transfer = 2, Interest = 3, Borrow = 4, Bonus = 5, Fee = 6,
    }
}
numbered! {
    /// Progress of a directive.
    DirectiveStatus: u32 { Received = 0, Working = 1, Done = 2, Failed = 3, Refused = 4, Expired = 5, }
}
numbered! {
    /// How a rate header counts.
    FeedbackForm: u16 { Used = 0, Remaining = 1, }
}
numbered! {
    /// Severity of an external trigger.
    Severity: u16 { Info = 0, Warn = 1, Crit = 2, }
}
numbered! {
    /// What an operator commands.
    CommandVerb: u8 {
        Halt = 0, Reduce = 1, Pause = 2, Resume = 3, Reset = 4, Mode = 5, Arm = 6, Adopt = 7,
        ExternalFill = 8, FlowExpect = 9, Scale = 10, Limit = 11, Restrict = 12,
    }
}
numbered! {
    /// What the keeper saw of a strategy's process.
    LivenessSign: u8 { Alive = 0, HangUp = 1, ProcessExited = 2, Lost = 3, Corrupt = 4, Lag = 5, }
}

/// Order attributes: one packed payload word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct OrderAttrs {
    /// Order type.
    pub order_type: OrderType,
    /// Time in force.
    pub tif: TimeInForce,
    /// What the order is for.
    pub intent: Intent,
    /// The directive this order carries out, 0 for none.
    pub directive: u32,
}

/// Calls `$emit!` with every record kind. A row reads: kind number, wire name, variant, then each field with
/// its type, its payload word (0–4 for a–e) and the bit it starts at. `Money` spans its word and the next.
macro_rules! event_table {
    ($emit:ident) => {
        $emit! {
            /// A sign of life: the counter must advance.
            1 HEARTBEAT Heartbeat { source: u32 = 0 @ 0, class: HeartbeatClass = 0 @ 32, counter: u64 = 1 @ 0 }
            /// What the strategy says of itself: bits SIGNALS_OFF, SUPERVISOR_UP, WARM, STOPPING, DMS_ARMED.
            2 STRATEGY_STATUS StrategyStatus { bits: u64 = 0 @ 0, work: u64 = 1 @ 0 }
            /// A connection changed state.
            3 CONNECTION Connection { source: u32 = 0 @ 0, state: ConnectionState = 0 @ 32, attempt: u64 = 1 @ 0, venue_code: i64 = 2 @ 0 }
            /// Something was retried.
            4 RETRY Retry { what: RetryType = 0 @ 0, count: u64 = 1 @ 0 }
            /// A marker for reports.
            5 DEPLOY Deploy { id: u64 = 0 @ 0 }
            /// Gate mode: about to be sent. With PERMIT: a request.
            10 ORDER_NEW OrderNew { order: OrderId = 0 @ 0, px: Ticks = 1 @ 0, qty: Lots = 2 @ 0, attrs: OrderAttrs = 3 @ 0, group: u32 = 4 @ 0, leg: u16 = 4 @ 32, list_count: u16 = 4 @ 48 }
            /// The rest of an ORDER_NEW that had MORE.
            11 ORDER_EXT OrderExt { order: OrderId = 0 @ 0, trigger_px: Ticks = 1 @ 0, expiry_utc_ns: i64 = 2 @ 0, quote_cost: i64 = 3 @ 0, parent: u64 = 4 @ 0 }
            /// A venue's or client's string id, 32 bytes a record.
            12 ORDER_REF OrderRef { order: OrderId = 0 @ 0, text: [u64; 4] = 1 @ 0 }
            /// Replace price and total quantity.
            13 ORDER_MODIFY OrderModify { order: OrderId = 0 @ 0, px: Ticks = 1 @ 0, qty: Lots = 2 @ 0, attrs: OrderAttrs = 3 @ 0, new_order: u64 = 4 @ 0 }
            /// Cancel one order. Never gated.
            14 ORDER_CANCEL OrderCancel { order: OrderId = 0 @ 0, attrs: OrderAttrs = 3 @ 0 }
            /// Cancel many orders. Never gated.
            15 ORDER_CANCEL_ALL OrderCancelAll { side: u8 = 0 @ 0, increasing_only: u8 = 0 @ 8, attrs: OrderAttrs = 3 @ 0 }
            /// Announces `count` ORDER_NEW records that pass or fail together.
            16 ORDER_LIST OrderList { list: OrderId = 0 @ 0, count: u32 = 1 @ 0, mode: ListMode = 1 @ 32 }
            /// A permitted order was not sent after all; the only refund.
            17 NOT_SENT NotSent { order: OrderId = 0 @ 0, action: u32 = 1 @ 0, cause: u32 = 1 @ 32 }
            /// The venue accepted the order.
            20 ORDER_ACK OrderAck { order: OrderId = 0 @ 0, venue_key: u64 = 1 @ 0, px: Ticks = 2 @ 0, live_qty: Lots = 3 @ 0, t_venue: i64 = 4 @ 0 }
            /// The venue refused a request.
            21 ORDER_REJECT OrderReject { order: OrderId = 0 @ 0, class: RejectClass = 1 @ 0, action: OrderAction = 1 @ 8, venue_code: i32 = 1 @ 32, cum_qty: Lots = 2 @ 0, t_venue: i64 = 4 @ 0 }
            /// The venue replaced the order.
            22 ORDER_MODIFIED OrderModified { order: OrderId = 0 @ 0, px: Ticks = 1 @ 0, qty: Lots = 2 @ 0, cum_qty: Lots = 3 @ 0, t_venue: i64 = 4 @ 0 }
            /// The order is over.
            23 ORDER_DONE OrderDone { order: OrderId = 0 @ 0, status: DoneStatus = 1 @ 0, initiator: Initiator = 1 @ 8, cum_qty: Lots = 2 @ 0, t_venue: i64 = 4 @ 0 }
            /// A stop became live.
            24 ORDER_TRIGGERED OrderTriggered { order: OrderId = 0 @ 0, t_venue: i64 = 4 @ 0 }
            /// An execution; order 0 is one we do not know. The minimum fee means not known yet.
            30 FILL Fill { order: u64 = 0 @ 0, exec: u64 = 1 @ 0, px: Ticks = 2 @ 0, qty: Lots = 3 @ 0, fee: i64 = 4 @ 0 }
            /// The rest of a FILL that had MORE.
            31 FILL_EXT FillExt { exec_high: u64 = 0 @ 0, cum_qty: Lots = 1 @ 0, t_venue: i64 = 2 @ 0, fee_ccy: u16 = 3 @ 0, cause: FillCause = 3 @ 16, venue_order: u64 = 4 @ 0 }
            /// Cumulative report from a venue without execution ids.
            32 FILL_CUM FillCum { order: OrderId = 0 @ 0, cum_qty: Lots = 1 @ 0, cum_cost: Money = 2 @ 0, cum_fee: i64 = 4 @ 0 }
            /// The venue took an execution back.
            33 FILL_BUST FillBust { order: u64 = 0 @ 0, exec: u64 = 1 @ 0, px: Ticks = 2 @ 0, qty: Lots = 3 @ 0, fee: i64 = 4 @ 0 }
            /// The fee of an execution, as a new total.
            34 FEE_ADJUST FeeAdjust { order: u64 = 0 @ 0, exec: u64 = 1 @ 0, fee: i64 = 2 @ 0, ccy: u16 = 3 @ 0, exec_high: u64 = 4 @ 0 }
            /// Prices that value a position.
            40 MARK Mark { mark: Option<Ticks> = 0 @ 0, index: Option<Ticks> = 1 @ 0, last: Option<Ticks> = 2 @ 0, underlying: Option<Ticks> = 3 @ 0, sequence: u64 = 4 @ 0 }
            /// Top of book.
            41 BOOK Book { bid: Option<Ticks> = 0 @ 0, ask: Option<Ticks> = 1 @ 0, bid_qty: Option<Lots> = 2 @ 0, ask_qty: Option<Lots> = 3 @ 0, sequence: u64 = 4 @ 0 }
            /// The instrument's session changed.
            42 INSTRUMENT_STATE InstrumentState { state: InstrumentStatus = 0 @ 0, next_change_utc_ns: i64 = 1 @ 0, t_venue: i64 = 4 @ 0 }
            /// A conversion rate in 1e-9.
            43 FX Fx { base: u16 = 0 @ 0, quote: u16 = 0 @ 16, bid: i64 = 1 @ 0, ask: i64 = 2 @ 0, sequence: u64 = 3 @ 0, t_venue: i64 = 4 @ 0 }
            /// Expiry, exercise or assignment.
            44 SETTLE Settle { id: OrderId = 0 @ 0, px: Ticks = 1 @ 0, qty: Lots = 2 @ 0, kind: u32 = 3 @ 0, t_venue: i64 = 4 @ 0 }
            /// Funding; positive is received.
            50 FUNDING Funding { id: OrderId = 0 @ 0, amount: Money = 1 @ 0, ccy: u16 = 3 @ 0, t_venue: i64 = 4 @ 0 }
            /// Deposit, withdrawal and the like; positive comes in.
            51 FLOW Flow { id: OrderId = 0 @ 0, amount: Money = 1 @ 0, ccy: u16 = 3 @ 0, kind: FlowKind = 3 @ 16, t_venue: i64 = 4 @ 0 }
            /// Total equity from a bot that knows only that.
            52 EQUITY Equity { sequence: u64 = 0 @ 0, amount: Money = 1 @ 0, ccy: u16 = 3 @ 0, trusted: u16 = 3 @ 16, t_venue: i64 = 4 @ 0 }
            /// Margin figures in 1e-6.
            53 MARGIN Margin { initial: i64 = 0 @ 0, maintenance: i64 = 1 @ 0, available: i64 = 2 @ 0, ccy: u16 = 3 @ 0, ratio: Bps = 3 @ 32, t_venue: i64 = 4 @ 0 }
            /// A snapshot starts.
            60 SNAP_BEGIN SnapBegin { snapshot: u64 = 0 @ 0, what: u32 = 1 @ 0, position_before: u64 = 2 @ 0 }
            /// A row of positions.
            61 SNAP_POSITION SnapPosition { snapshot: u64 = 0 @ 0, qty: Lots = 1 @ 0, average_px: i64 = 2 @ 0, liquidation_px: i64 = 3 @ 0, t_venue: i64 = 4 @ 0 }
            /// A row of orders.
            62 SNAP_ORDER SnapOrder { order: u64 = 0 @ 0, venue_key: u64 = 1 @ 0, px: Ticks = 2 @ 0, qty: Lots = 3 @ 0, attrs: OrderAttrs = 4 @ 0 }
            /// A row of balances.
            63 SNAP_BALANCE SnapBalance { snapshot: u64 = 0 @ 0, total: Money = 1 @ 0, available: i64 = 3 @ 0, ccy: u16 = 4 @ 0 }
            /// A snapshot ends.
            64 SNAP_END SnapEnd { snapshot: u64 = 0 @ 0, rows: u64 = 1 @ 0, position_after: u64 = 2 @ 0, t_venue: i64 = 4 @ 0 }
            /// What a venue's rate headers say.
            70 RATE_FEEDBACK RateFeedback { bucket: u32 = 0 @ 0, http: u16 = 0 @ 32, form: FeedbackForm = 0 @ 48, value: u64 = 1 @ 0, window: u64 = 2 @ 0, reset_utc_ns: i64 = 3 @ 0, retry_after: u64 = 4 @ 0 }
            /// Any number the strategy wants watched, in 1e-9.
            71 GAUGE Gauge { gauge: u32 = 0 @ 0, value: i64 = 1 @ 0, samples: u64 = 2 @ 0, t_venue: i64 = 4 @ 0 }
            /// An external signal.
            72 TRIGGER Trigger { source: u32 = 0 @ 0, severity: Severity = 0 @ 32, reason: u32 = 1 @ 0, ttl: u64 = 2 @ 0, reference: u64 = 3 @ 0, t_venue: i64 = 4 @ 0 }
            /// How far a directive got.
            73 DIRECTIVE_ACK DirectiveAck { directive: u64 = 0 @ 0, status: DirectiveStatus = 1 @ 0, remaining: Lots = 2 @ 0, detail: i64 = 3 @ 0 }

            /// Sidecar only: time went on; written before a record's time difference would overflow.
            128 TICK Tick { now: Nanos = 0 @ 0 }
            /// Sidecar only: the loop itself stood still for so long.
            129 STALL Stall { duration: Nanos = 0 @ 0 }
            /// Sidecar only: a lane was opened (1) or closed (0) for a strategy.
            130 LANE Lane { lane: u16 = 0 @ 0, strategy: u16 = 0 @ 16, open: u8 = 0 @ 32, generation: u64 = 1 @ 0 }
            /// Sidecar only: a core took over from one that died so long ago.
            133 RECOVERED Recovered { restarts: u32 = 0 @ 0, fresh: u8 = 0 @ 32, away: Nanos = 1 @ 0 }
            /// Sidecar only: the session of a clock rolled; the ids of a clock only grow.
            134 ROLL Roll { session: u64 = 0 @ 0, clock: u16 = 1 @ 0 }
            /// Sidecar only: a scope changed state.
            135 TRANSITION Transition { scope: Scope = 0 @ 0, reason: Reason = 0 @ 48, guard: u16 = 1 @ 0, old_state: TradingState = 1 @ 16, new_state: TradingState = 1 @ 24, epoch: u32 = 1 @ 32, measured: i64 = 2 @ 0, limit: i64 = 3 @ 0, latch: Latch = 4 @ 0 }
            /// Sidecar only: an operator's command; nonce and guard matter to a reset, approver is a user id.
            138 COMMAND Command { id: u64 = 0 @ 0, scope: Scope = 1 @ 0, verb: CommandVerb = 1 @ 48, rebase: u8 = 1 @ 56, guard: u16 = 2 @ 0, actor: u32 = 2 @ 32, nonce: u64 = 3 @ 0, acks: u8 = 4 @ 0 }
            /// Sidecar only: a client has echoed a halt epoch.
            139 EPOCH_ACK EpochAck { lane: u16 = 0 @ 0, strategy: u16 = 0 @ 16, epoch: u32 = 0 @ 32 }
            /// Sidecar only: a record from a lane was not one.
            142 REJECTED_RECORD RejectedRecord { lane: u16 = 0 @ 0, code: u16 = 0 @ 16, position: u64 = 1 @ 0, header: u64 = 2 @ 0 }
            /// Sidecar only: a deadline of the engine came due.
            143 TIMER Timer { due: Nanos = 0 @ 0 }
            /// Sidecar only: what was seen of a lane's client.
            144 LIVENESS Liveness { lane: u16 = 0 @ 0, strategy: u16 = 0 @ 16, sign: LivenessSign = 0 @ 32, beat: u64 = 1 @ 0 }
            /// Sidecar only: what the wall clock says, for venue windows that are aligned to it.
            145 WALL_CLOCK WallClock { utc_ns: i64 = 0 @ 0 }
            /// Sidecar only: it cannot vouch for a scope any more, and halts it.
            146 DOUBT Doubt { scope: Scope = 0 @ 0, reason: Reason = 0 @ 48, detail: u64 = 1 @ 0 }
            /// Sidecar only: a digest of the journal and of what its inputs led to, until now.
            147 CHECK Check { chain: u64 = 0 @ 0 }
            /// Sidecar only: an operator's trade by hand; a negative quantity sells, the minimum fee means not known yet.
            148 EXTERNAL_FILL ExternalFill { exec: OrderId = 0 @ 0, px: Ticks = 1 @ 0, qty: Lots = 2 @ 0, fee: i64 = 3 @ 0, actor: u32 = 4 @ 0, account: u16 = 4 @ 32, instrument: u16 = 4 @ 48 }
            /// Sidecar only: a flow that an operator announces, in the currency of the book's account; positive comes in.
            149 FLOW_EXPECT FlowExpect { id: OrderId = 0 @ 0, amount: Money = 1 @ 0, book: u16 = 3 @ 0, actor: u32 = 3 @ 32, ttl: Nanos = 4 @ 0 }
        }
    };
}
pub(crate) use event_table;

/// A client's order, list, settlement, funding or flow id: never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct OrderId(u64);

impl OrderId {
    /// The id, unless zero.
    #[must_use]
    pub const fn new(raw: u64) -> Option<Self> {
        if raw == 0 { None } else { Some(Self(raw)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

macro_rules! declare {
    ($($(#[$doc:meta])* $kind:literal $wire:ident $variant:ident { $($field:ident: $ty:ty = $word:literal @ $bit:literal),* $(,)? })+) => {
        /// The payload of a record. Field units are those of their types; a bare integer named `t_venue` or
        /// `*_utc_ns` is UTC nanoseconds, `fee`, `quote_cost` and rates are 1e-9.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "field names and types carry the meaning; the table is the documentation")]
        pub enum Event {
            $($(#[$doc])* $variant { $($field: $ty,)* },)+
        }

        impl Event {
            /// Every kind number with its name.
            pub const KINDS: &'static [(u8, &'static str)] = &[$(($kind, stringify!($wire)),)+];

            /// The stable number of this kind.
            #[must_use]
            pub const fn kind(&self) -> u8 {
                match self { $(Self::$variant { .. } => $kind,)+ }
            }
        }
    };
}
event_table!(declare);

/// The first kind that only the sidecar and its operator's lane may write.
pub const FIRST_SIDECAR_KIND: u8 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_name_what_they_were_granted_for() {
        let handle = Handle::new(300, 4, Some(0));
        assert_eq!((handle.lane_tag(), handle.account(), handle.instrument()), (44, Some(4), Some(0)));
        assert_eq!(Handle::new(1, 0, None).instrument(), None);
        assert_eq!(Handle(0).account(), None);
    }

    #[test]
    fn kinds_are_numbered_once() {
        assert!(Event::KINDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
