//! What provokes each reason, and what is to come back. A reason that is in neither list fails the test.

use tripline::model::Reason;
use tripline::model::Reason::*;

/// A number of a verdict.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Is(i64),
    /// A time that passes meanwhile.
    AtLeast(i64),
    /// The wall clock, in UTC nanoseconds, of these minutes.
    WallClock,
}

/// Kinds of scope, as TRIPLINE_SCOPE_* numbers them.
pub(crate) const FIRM: u16 = 0;
pub(crate) const ACCOUNT: u16 = 1;
pub(crate) const STRATEGY: u16 = 2;
pub(crate) const BOOK: u16 = 3;
pub(crate) const INSTRUMENT: u16 = 4;

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) reason: Reason,
    pub(crate) verdict: &'static str,
    /// Who asks, on which account and for which instrument.
    pub(crate) strategy: &'static str,
    pub(crate) at: &'static str,
    /// What happens before: lines for the strategy, or with `!` for whoever stands beside it. Requests
    /// must pass, but for those with `?`.
    pub(crate) before: &'static [&'static str],
    pub(crate) asks: &'static str,
    pub(crate) measured: Number,
    pub(crate) limit: Number,
    pub(crate) scope: u16,
}

const fn row(
    reason: Reason,
    at: &'static str,
    before: &'static [&'static str],
    asks: &'static str,
    (measured, limit): (i64, i64),
    scope: u16,
) -> Case {
    let (measured, limit) = (Number::Is(measured), Number::Is(limit));
    Case { reason, verdict: "DENY", strategy: "desk", at, before, asks, measured, limit, scope }
}

impl Case {
    const fn of(self, strategy: &'static str) -> Self {
        Self { strategy, ..self }
    }

    const fn comes_as(self, verdict: &'static str) -> Self {
        Self { verdict, ..self }
    }
}

/// Money is in 1e-6, shares in basis points, time in nanoseconds, prices and quantities in the instrument's units.
pub(crate) const CASES: &[Case] = &[
    // What is wrong with the request itself.
    row(UnknownInstrument, "caps -", &[], "ask 1 buy 10 100", (0, 0), BOOK),
    row(UnknownOrder, "plain X", &[], "modify 99 buy 10 100", (0, 0), BOOK),
    row(Tick, "caps FINE", &["mark 100"], "ask 1 buy 10 96", (96, 5), INSTRUMENT),
    row(Lot, "caps FINE", &[], "ask 1 buy 5 100", (5, 2), INSTRUMENT),
    row(MinQty, "caps FINE", &[], "ask 1 buy 2 100", (2, 4), INSTRUMENT),
    row(MaxQty, "caps FINE", &[], "ask 1 buy 102 100", (102, 100), BOOK),
    row(MinNotional, "caps FINE", &[], "ask 1 buy 4 95", (380_000_000, 400_000_000), INSTRUMENT),
    row(MaxNotional, "caps FINE", &[], "ask 1 buy 100 110", (11_000_000_000, 10_500_000_000), BOOK),
    Case {
        limit: Number::WallClock,
        ..row(GtdPast, "caps FINE", &[], "ask 1 buy 10 100 expiry 1", (1, 0), INSTRUMENT)
    },
    row(Restricted, "caps SHUT", &[], "ask 1 buy 10 100", (10, 0), INSTRUMENT),
    row(DuplicateId, "plain X", &["ask 1 buy 1 100"], "ask 1 buy 1 100", (0, 0), BOOK),
    row(DuplicateFingerprint, "repeated X", &["ask 1 buy 1 100"], "ask 2 buy 1 100", (2, 2), BOOK)
        .of("repeater"),
    row(SelfCross, "crossing X", &["ask 1 buy 1 100"], "ask 2 sell 1 99", (99, 100), ACCOUNT),
    row(
        Arithmetic,
        "plain X",
        &[],
        "ask 9 buy 9223372036854775807 9223372036854775807",
        (i64::MAX, i64::MAX),
        INSTRUMENT,
    ),
    row(OcoRearm, "plain X", &["ask 15 buy 1 100 group 5"], "ask 16 buy 1 100 group 5", (2, 1), BOOK),
    // Its venue is down, and the same is asked for at another.
    row(
        Reroute,
        "plain ROUTED",
        &["at down ROUTED", "ask 1 buy 1 100", "at down -", "event 3 4294967297 1 0 0 0", "at plain ROUTED"],
        "ask 17 buy 1 100",
        (1, 0),
        INSTRUMENT,
    ),
    // Exposure.
    row(MaxPosition, "caps FINE", &["ask 2 buy 100 100"], "ask 3 buy 60 100", (160, 150), BOOK),
    row(
        Gross,
        "gross X",
        &["mark 100", "ask 1 buy 10 100"],
        "ask 2 buy 1 100",
        (1_100_000_000, 1_000_000_000),
        ACCOUNT,
    ),
    row(
        Net,
        "net X",
        &["mark 100", "ask 1 buy 10 100"],
        "ask 2 buy 1 100",
        (1_100_000_000, 1_000_000_000),
        ACCOUNT,
    ),
    row(OpenOrders, "open X", &["ask 1 buy 1 100"], "ask 2 buy 1 100", (2, 1), BOOK),
    row(DailyCount, "day X", &["ask 1 buy 1 100"], "ask 2 buy 1 100", (2, 1), ACCOUNT),
    row(
        Balance,
        "balance X",
        &["snapshot 5 4 63 100000000000000 0 150000000 1"],
        "ask 1 buy 2 100",
        (200_000_000, 150_000_000),
        ACCOUNT,
    ),
    row(
        Margin,
        "free X",
        &["event 53 0 0 150000000 0 0"],
        "ask 1 buy 2 100",
        (200_000_000, 150_000_000),
        ACCOUNT,
    ),
    // The second of two is off the tick.
    row(
        ListMember,
        "caps FINE",
        &["event 16 9 2 0 0 0", "request 30 buy 10 100 list 2", "?ask 31 buy 10 96 list 2"],
        "wait 30",
        (2, 2),
        BOOK,
    ),
    row(
        ReduceOnlySize,
        "plain X",
        &["ask 10 buy 1 100", "fill 10 buy 1 100"],
        "ask 11 sell 10 100 reduce",
        (10, 1),
        INSTRUMENT,
    ),
    row(
        ExitSize,
        "plain X",
        &["ask 12 buy 9 100", "fill 12 buy 9 100"],
        "ask 13 sell 11 100 exit",
        (11, 10),
        INSTRUMENT,
    ),
    row(ExitUnverified, "plain X", &["!stop"], "ask 14 sell 10 100 exit", (0, 0), FIRM)
        .comes_as("EXIT_UNVERIFIED"),
    // Price.
    row(NoMark, "plain BLANK", &["!continue"], "ask 20 buy 1 100", (0, 0), INSTRUMENT),
    row(Collar, "caps FINE", &[], "ask 1 buy 10 115", (1_500, 1_000), INSTRUMENT),
    row(
        CollarAccumulated,
        "plain DRIFT",
        &["mark 100", "mark 110"],
        "ask 21 buy 1 120",
        (2_000, 1_500),
        INSTRUMENT,
    ),
    row(MarkSuspect, "plain BAND", &["mark 100", "mark 110"], "ask 22 buy 1 0 market", (100, 0), INSTRUMENT),
    row(MarkStale, "plain OLD", &["mark 100", "!sleep"], "ask 23 buy 1 0 market", (100, 0), INSTRUMENT),
    // Rates and the queue.
    // Half way from the warning, 10 %, to the limit, 20 %: three quarters of a bucket of 4 are left.
    row(
        BucketFull,
        "narrow FALLING",
        &[
            "mark 100",
            "ask 1 buy 1000 100",
            "fill 1 buy 1000 100",
            "mark 85",
            "ask 2 buy 1 85",
            "ask 3 buy 1 85",
        ],
        "ask 4 buy 1 85",
        (7_500, 10_000),
        BOOK,
    ),
    row(
        Banned,
        "banned X",
        &["event 70 1795296329733 0 0 0 60000000000"],
        "ask 1 buy 1 100",
        (0, 0),
        ACCOUNT,
    ),
    row(QueueFull, "full X", &["ask 1 buy 1 100", "request 2 buy 1 100"], "ask 3 buy 1 100", (1, 1), ACCOUNT),
    row(Expired, "late X", &["ask 1 buy 1 100"], "ask 2 buy 1 100", (0, 0), ACCOUNT).comes_as("DROPPED"),
    row(Superseded, "slow X", &["ask 1 buy 1 100", "request 2 buy 1 100"], "cancel 2", (0, 0), BOOK)
        .comes_as("DROPPED"),
    row(Superseded, "slow X", &[], "wait 2", (0, 0), BOOK).comes_as("DROPPED"),
    row(
        RepeatedExecution,
        "repeats X",
        &["ask 1 buy 1 100", "fill 1 buy 1 100"],
        "ask 2 buy 1 100",
        (1, 1),
        ACCOUNT,
    ),
    // Profit and loss: 1000 bought at 100 of a capital of 100 000.
    row(
        Drawdown,
        "drawdown LOSER",
        &["mark 100", "ask 1 buy 1000 100", "fill 1 buy 1000 100", "mark 84"],
        "ask 2 buy 1 84",
        (1_600, 1_500),
        ACCOUNT,
    ),
    row(
        DrawdownUntrusted,
        "untrusted FADING",
        &[
            "mark 100",
            "ask 1 buy 1000 100",
            "fill 1 buy 1000 100",
            "mark 84",
            "!await account:untrusted DRAWDOWN_UNTRUSTED",
        ],
        "ask 2 buy 1 84",
        (1_600, 1_500),
        ACCOUNT,
    ),
    row(
        MarginDrawdown,
        "margin BORROWED",
        &[
            "mark 100",
            "event 53 10000000000 0 -9223372036854775808 0 0",
            "ask 1 buy 1000 100",
            "fill 1 buy 1000 100",
            "mark 95",
        ],
        "ask 2 buy 1 95",
        (5_000, 5_000),
        BOOK,
    ),
    // Equity of −100 000 against the peak of 100 000 that the withdrawal leaves without a meaning.
    row(
        FlowUnpriced,
        "flow X",
        &["event 51 1 -200000000000000 -1 65536 0"],
        "ask 1 buy 1 100",
        (20_000, 1_500),
        ACCOUNT,
    ),
    // Errors of the venue.
    row(
        Auth,
        "auth X",
        &["ask 1 buy 1 100", "reject 1 6", "ask 2 buy 1 100", "reject 2 6", "ask 3 buy 1 100", "reject 3 6"],
        "ask 4 buy 1 100",
        (3, 2),
        ACCOUNT,
    ),
    row(
        Liquidation,
        "liquidation X",
        &["ask 1 buy 1 100", "reject 1 8", "ask 2 buy 1 100", "reject 2 8"],
        "ask 3 buy 1 100",
        (2, 1),
        ACCOUNT,
    ),
    row(
        HalfOpenSpent,
        "probing X",
        &[
            "ask 1 buy 1 100",
            "reject 1 1",
            "!await book:desk/probing READY_TO_RESUME",
            "!resume book:desk/probing",
            "ask 2 buy 1 100",
        ],
        "ask 3 buy 1 100",
        (1, 1),
        BOOK,
    ),
    row(
        ReadyToResume,
        "repeated X",
        &["?ask 3 buy 1 100", "!await book:repeater/repeated READY_TO_RESUME"],
        "ask 4 buy 2 100",
        (3, 3),
        BOOK,
    )
    .of("repeater"),
    // Who asks, and who watches.
    Case {
        measured: Number::AtLeast(250_000_000),
        ..row(
            Heartbeat,
            "silence X",
            &["!await strategy:silent HEARTBEAT"],
            "ask 1 buy 1 100",
            (0, 250_000_000),
            STRATEGY,
        )
        .of("silent")
    },
    row(Operator, "operator X", &["!halt book:desk/operator"], "ask 1 buy 1 100", (0, 0), BOOK),
    row(EpochStale, "epoch X", &["request 1 buy 1 100", "!halt book:desk/epoch"], "wait 1", (0, 0), FIRM)
        .comes_as("DROPPED"),
    row(LeaseExpired, "epoch X", &["!stop"], "ask 2 buy 1 100", (0, 0), FIRM).comes_as("DROPPED"),
    // Books that cannot be trusted.
    row(Unarmed, "unarmed X", &["!continue"], "ask 1 buy 1 100", (0, 0), ACCOUNT),
    row(Reconciling, "reconciling X", &[], "ask 1 buy 1 100", (0, 0), ACCOUNT),
    row(Gap, "gap X", &["event 51 1 1000000000 0 999 0"], "ask 1 buy 1 100", (0, 0), BOOK),
    row(Corrupt, "corrupt X", &["event 10 1 100 0 1 0"], "ask 2 buy 1 100", (0, 0), STRATEGY).of("broken"),
    row(
        ClientDead,
        "dead X",
        &["!kill", "!await strategy:dying CLIENT_DEAD"],
        "ask 1 buy 1 100",
        (0, 0),
        STRATEGY,
    )
    .of("dying"),
    row(
        PositionMismatch,
        "position X",
        &["snapshot 1 1 61 5 100000000000 0 0", "!apart", "snapshot 2 1 61 5 100000000000 0 0"],
        "ask 1 buy 1 100",
        (0, 5),
        INSTRUMENT,
    ),
    row(
        CashMismatch,
        "cash X",
        &["snapshot 3 4 63 50000000000000 0 0 1", "!apart", "snapshot 4 4 63 50000000000000 0 0 1"],
        "ask 1 buy 1 100",
        (100_000_000_000, 50_000_000_000),
        ACCOUNT,
    ),
    // A bust of an execution that nobody knows.
    row(UnknownFill, "unknown X", &["event 33 1 77 100 1 0"], "ask 2 buy 1 100", (0, 0), BOOK),
    row(
        Overfill,
        "overfill X",
        &["ask 1 buy 1 100", "fill 1 buy 2 100"],
        "ask 2 buy 1 100",
        (0, 0),
        INSTRUMENT,
    ),
];

/// The rest, on a sidecar with room for 16 orders that is then started again with another limit.
pub(crate) const SMALL: &[Case] = &[
    row(
        Capacity,
        "main X",
        &[
            "ask 1 buy 1 100",
            "ask 2 buy 1 100",
            "ask 3 buy 1 100",
            "ask 4 buy 1 100",
            "ask 5 buy 1 100",
            "ask 6 buy 1 100",
            "ask 7 buy 1 100",
            "ask 8 buy 1 100",
            "ask 9 buy 1 100",
            "ask 10 buy 1 100",
            "ask 11 buy 1 100",
            "ask 12 buy 1 100",
            "ask 13 buy 1 100",
            "ask 14 buy 1 100",
            "ask 15 buy 1 100",
            "ask 16 buy 1 100",
        ],
        "ask 17 buy 1 100",
        (0, 0),
        BOOK,
    ),
    row(Replay, "main X", &["!again"], "ask 18 buy 1 100", (0, 0), FIRM),
];

/// Why a request of this table never gets a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Nothing in the sidecar gives it in this version. The test looks.
    NotBuilt,
    /// Its halt only reduces: a request is then denied by its size, REDUCE_ONLY_SIZE, naming its guard.
    Reduces,
    /// It is no answer to a request: a directive, a notice, an operator's command.
    Elsewhere,
    /// It needs a fault inside the sidecar, or a moment of the day, that these tests bring about.
    Tested(&'static str),
    /// It needs a fault at one instant, which no test brings about from outside.
    Fault(&'static str),
}

use Absence::{Elsewhere, Fault, NotBuilt, Reduces, Tested};

pub(crate) const ABSENT: &[(Reason, Absence)] = &[
    (Warmup, NotBuilt),
    (NoExecutor, Elsewhere),
    (LiquidationDistance, NotBuilt),
    (Backpressure, Reduces),
    (DrawdownSoft, Reduces),
    (PeakNonpositive, Tested("engine_drawdown.rs")),
    (PnlJump, Reduces),
    (ErrorRate, Reduces),
    (Consecutive, Reduces),
    (HalfOpen, Reduces),
    (Supervisor, NotBuilt),
    (Stream, NotBuilt),
    (Database, NotBuilt),
    (VenueDown, NotBuilt),
    (Book, NotBuilt),
    (Volatility, NotBuilt),
    (FillRatio, NotBuilt),
    (AckLatency, NotBuilt),
    (TradeRate, NotBuilt),
    (CancelRatio, NotBuilt),
    (Gauge, NotBuilt),
    (Trigger, NotBuilt),
    (Alert, NotBuilt),
    (Drill, NotBuilt),
    (Fleet, NotBuilt),
    (Approval, Elsewhere),
    (Stall, NotBuilt),
    (JournalLag, Tested("archive.rs")),
    (Violation, Elsewhere),
    (Lag, Tested("engine_guards.rs")),
    (
        Unrecorded,
        Fault("a core that dies between a halt and the record of it, whose successor decides otherwise"),
    ),
    (PaperMode, Elsewhere),
    (LiveRefused, Elsewhere),
];
