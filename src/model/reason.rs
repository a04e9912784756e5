//! Why: stable reason codes for every halt, denial and drop. One table; numbers are never reused.

macro_rules! reasons {
    ($($(#[$doc:meta])* $number:literal $name:literal $variant:ident,)+) => {
        /// The reason of a transition, a verdict or a directive. The hundreds name the group.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $variant = $number,)+
        }

        impl Reason {
            /// Every reason, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The reason with this number.
            #[must_use]
            pub const fn from_u16(raw: u16) -> Option<Self> {
                match raw {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The stable upper-case name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

reasons! {
    /// No trusted equity yet.
    101 "UNARMED" Unarmed,
    /// Warm-up still runs.
    102 "WARMUP" Warmup,
    /// A snapshot is awaited.
    103 "RECONCILING" Reconciling,
    /// The cool-down is over; an operator resumes.
    104 "READY_TO_RESUME" ReadyToResume,
    /// No fresh permission from the sidecar.
    105 "LEASE_EXPIRED" LeaseExpired,
    /// The answer belongs to an older halt epoch.
    106 "EPOCH_STALE" EpochStale,
    /// Nobody can carry out the directive.
    107 "NO_EXECUTOR" NoExecutor,

    /// The instrument is not configured.
    201 "UNKNOWN_INSTRUMENT" UnknownInstrument,
    /// The order is not known.
    202 "UNKNOWN_ORDER" UnknownOrder,
    /// The price is not on the tick.
    203 "TICK" Tick,
    /// The quantity is not on the lot.
    204 "LOT" Lot,
    /// Quantity below the minimum.
    205 "MIN_QTY" MinQty,
    /// Quantity above the maximum.
    206 "MAX_QTY" MaxQty,
    /// Notional below the minimum.
    207 "MIN_NOTIONAL" MinNotional,
    /// Notional above the maximum.
    208 "MAX_NOTIONAL" MaxNotional,
    /// A good-till-date in the past.
    209 "GTD_PAST" GtdPast,
    /// The instrument is restricted.
    210 "RESTRICTED" Restricted,
    /// The order id was seen before.
    211 "DUPLICATE_ID" DuplicateId,
    /// The same order again, too soon.
    212 "DUPLICATE_FINGERPRINT" DuplicateFingerprint,
    /// A second protective set for one fill.
    213 "OCO_REARM" OcoRearm,
    /// The order would cross one of our own.
    214 "SELF_CROSS" SelfCross,
    /// Another member of the list was denied.
    215 "LIST_MEMBER" ListMember,

    /// Position limit.
    301 "MAX_POSITION" MaxPosition,
    /// Gross exposure limit.
    302 "GROSS" Gross,
    /// Net exposure limit.
    303 "NET" Net,
    /// Too many open orders.
    304 "OPEN_ORDERS" OpenOrders,
    /// The day's count is spent.
    305 "DAILY_COUNT" DailyCount,
    /// Larger than what is left to reduce.
    306 "REDUCE_ONLY_SIZE" ReduceOnlySize,
    /// Larger than what is left to exit.
    307 "EXIT_SIZE" ExitSize,
    /// No live engine verified the exit.
    308 "EXIT_UNVERIFIED" ExitUnverified,
    /// Free balance too small.
    309 "BALANCE" Balance,
    /// Free margin too small.
    310 "MARGIN" Margin,
    /// The mark is close to the liquidation price.
    311 "LIQUIDATION_DISTANCE" LiquidationDistance,
    /// Opening elsewhere while a venue is down.
    312 "REROUTE" Reroute,

    /// No price to value it with.
    401 "NO_MARK" NoMark,
    /// Too far from the mark.
    402 "COLLAR" Collar,
    /// Too far from the mark over time.
    403 "COLLAR_ACCUMULATED" CollarAccumulated,
    /// The mark jumped and is not confirmed.
    404 "MARK_SUSPECT" MarkSuspect,
    /// The mark is too old.
    405 "MARK_STALE" MarkStale,

    /// A rate bucket is full.
    501 "BUCKET_FULL" BucketFull,
    /// The venue banned us for a time.
    502 "BANNED" Banned,
    /// The queue is full.
    503 "QUEUE_FULL" QueueFull,
    /// Waited longer than its time to live.
    504 "EXPIRED" Expired,
    /// A newer request took its place.
    505 "SUPERSEDED" Superseded,
    /// The queue halts new work until it drains.
    506 "BACKPRESSURE" Backpressure,
    /// Too many automated executions since the last enable.
    507 "REPEATED_EXECUTION" RepeatedExecution,

    /// Drawdown on the worst valuation.
    601 "DRAWDOWN_SOFT" DrawdownSoft,
    /// Drawdown, confirmed.
    602 "DRAWDOWN" Drawdown,
    /// Drawdown on readings nobody could trust for too long.
    603 "DRAWDOWN_UNTRUSTED" DrawdownUntrusted,
    /// A percentage of a peak that is not positive.
    604 "PEAK_NONPOSITIVE" PeakNonpositive,
    /// One mark moved equity too far.
    605 "PNL_JUMP" PnlJump,
    /// Unrealised loss against margin.
    606 "MARGIN_DRAWDOWN" MarginDrawdown,
    /// A flow that could not be priced.
    607 "FLOW_UNPRICED" FlowUnpriced,

    /// Order error rate.
    701 "ERROR_RATE" ErrorRate,
    /// Errors in a row.
    702 "CONSECUTIVE" Consecutive,
    /// Authentication errors.
    703 "AUTH" Auth,
    /// Liquidation errors.
    704 "LIQUIDATION" Liquidation,
    /// No probe credits left.
    705 "HALF_OPEN_SPENT" HalfOpenSpent,
    /// Only a few requests may try, until enough of them succeed.
    706 "HALF_OPEN" HalfOpen,

    /// A heartbeat is missing.
    801 "HEARTBEAT" Heartbeat,
    /// One source is silent while its peers are not.
    802 "SUPERVISOR" Supervisor,
    /// A stream is interrupted.
    803 "STREAM" Stream,
    /// The database is unreachable.
    804 "DATABASE" Database,
    /// The venue is unreachable.
    805 "VENUE_DOWN" VenueDown,
    /// The book is one-sided or stale.
    806 "BOOK" Book,
    /// The market moves too fast.
    807 "VOLATILITY" Volatility,
    /// Too few orders fill.
    808 "FILL_RATIO" FillRatio,
    /// Acknowledgements are slow.
    809 "ACK_LATENCY" AckLatency,
    /// Too many trades.
    810 "TRADE_RATE" TradeRate,
    /// Too many cancels for the fills.
    811 "CANCEL_RATIO" CancelRatio,
    /// A published gauge crossed its threshold.
    812 "GAUGE" Gauge,

    /// An operator's command.
    901 "OPERATOR" Operator,
    /// An external trigger.
    902 "TRIGGER" Trigger,
    /// An alert.
    903 "ALERT" Alert,
    /// A drill.
    904 "DRILL" Drill,
    /// Another instance of the fleet.
    905 "FLEET" Fleet,
    /// Another approver has to agree first.
    906 "APPROVAL" Approval,

    /// Events are missing.
    1001 "GAP" Gap,
    /// A record that cannot be right.
    1002 "CORRUPT" Corrupt,
    /// Replay disagreed with the record.
    1003 "REPLAY" Replay,
    /// A sum or product overflowed.
    1004 "ARITHMETIC" Arithmetic,
    /// A table is full.
    1005 "CAPACITY" Capacity,
    /// The strategy's process is gone.
    1006 "CLIENT_DEAD" ClientDead,
    /// The sidecar itself stood still.
    1007 "STALL" Stall,
    /// The archive is too far behind.
    1008 "JOURNAL_LAG" JournalLag,
    /// Our position is not the venue's.
    1009 "POSITION_MISMATCH" PositionMismatch,
    /// Our cash is not the venue's.
    1010 "CASH_MISMATCH" CashMismatch,
    /// A fill nobody can place.
    1011 "UNKNOWN_FILL" UnknownFill,
    /// More filled than ordered.
    1012 "OVERFILL" Overfill,
    /// An order left after its writer had seen the halt.
    1013 "VIOLATION" Violation,
    /// The sidecar cannot keep up with this lane.
    1014 "LAG" Lag,
    /// A halt without its record.
    1015 "UNRECORDED" Unrecorded,

    /// Paper mode.
    1101 "PAPER_MODE" PaperMode,
    /// Live mode refused while a cause remains.
    1102 "LIVE_REFUSED" LiveRefused,
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_and_find_their_reason() {
        assert!(Reason::ALL.windows(2).all(|pair| (pair[0] as u16) < (pair[1] as u16)));
        for &reason in Reason::ALL {
            assert_eq!(Reason::from_u16(reason as u16), Some(reason));
        }
        assert_eq!(Reason::from_u16(0), None);
        assert_eq!(Reason::ALL.len(), 94);
    }
}
