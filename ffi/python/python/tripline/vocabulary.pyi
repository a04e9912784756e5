"""The enumerations of the package. Numbers are those of the C ABI and of docs/events.md, and never change."""

from enum import IntEnum, IntFlag

__all__ = [
    "ConnectionState",
    "Directive",
    "DirectiveStatus",
    "DoneStatus",
    "EventKind",
    "FeedbackForm",
    "FillCause",
    "Flag",
    "FlowKind",
    "Gate",
    "HeartbeatClass",
    "Initiator",
    "InstrumentStatus",
    "Intent",
    "Leg",
    "ListMode",
    "Mode",
    "OrderAction",
    "OrderType",
    "Reason",
    "RejectClass",
    "RetryType",
    "ScopeKind",
    "Severity",
    "Side",
    "State",
    "TimeInForce",
    "Verdict",
]

class ConnectionState(IntEnum):
    UP = 0
    DOWN = 1
    RETRYING = 2
    AUTH_FAILED = 3

class Directive(IntEnum):
    """What a directive asks for."""

    CANCEL = 1
    CANCEL_INCREASING = 2
    CANCEL_ALL = 3
    FLATTEN = 4
    MODE = 5
    SIGNALS = 6
    SCALE = 7
    SNAPSHOT = 8
    REVOKE = 9
    RESIZE = 10
    STATE = 16

class DirectiveStatus(IntEnum):
    RECEIVED = 0
    WORKING = 1
    DONE = 2
    FAILED = 3
    REFUSED = 4
    EXPIRED = 5

class DoneStatus(IntEnum):
    CANCELED = 0
    EXPIRED = 1
    FILLED = 2
    REJECTED_LATE = 3

class EventKind(IntEnum):
    """Every event that a strategy may publish, see docs/events.md."""

    HEARTBEAT = 1
    STRATEGY_STATUS = 2
    CONNECTION = 3
    RETRY = 4
    DEPLOY = 5
    ORDER_NEW = 10
    ORDER_EXT = 11
    ORDER_REF = 12
    ORDER_MODIFY = 13
    ORDER_CANCEL = 14
    ORDER_CANCEL_ALL = 15
    ORDER_LIST = 16
    NOT_SENT = 17
    ORDER_ACK = 20
    ORDER_REJECT = 21
    ORDER_MODIFIED = 22
    ORDER_DONE = 23
    ORDER_TRIGGERED = 24
    FILL = 30
    FILL_EXT = 31
    FILL_CUM = 32
    FILL_BUST = 33
    FEE_ADJUST = 34
    MARK = 40
    BOOK = 41
    INSTRUMENT_STATE = 42
    FX = 43
    SETTLE = 44
    FUNDING = 50
    FLOW = 51
    EQUITY = 52
    MARGIN = 53
    SNAP_BEGIN = 60
    SNAP_POSITION = 61
    SNAP_ORDER = 62
    SNAP_BALANCE = 63
    SNAP_END = 64
    RATE_FEEDBACK = 70
    GAUGE = 71
    TRIGGER = 72
    DIRECTIVE_ACK = 73

class FeedbackForm(IntEnum):
    USED = 0
    REMAINING = 1

class FillCause(IntEnum):
    NORMAL = 0
    LIQUIDATION = 1
    ADL = 2
    INSURANCE = 3
    DELIVERY = 4
    BLOCK = 5
    EXTERNAL = 6

class Flag(IntFlag):
    """Flags of an event. MARK and BOOK use bits 0-3 to say which of a-d are there."""

    SELL = 1
    LEG_LONG = 2
    LEG_SHORT = 4
    VENUE_REDUCE_ONLY = 8
    PAPER = 16
    MAKER = 32
    PERMIT = 64
    MORE = 128

class FlowKind(IntEnum):
    DEPOSIT = 0
    WITHDRAWAL = 1
    TRANSFER = 2
    INTEREST = 3
    BORROW = 4
    BONUS = 5
    FEE = 6

class Gate(IntEnum):
    """What the gate says of the next order. Ordered by permission."""

    HALTED = 0
    REDUCE_ONLY = 1
    PAPER = 2
    PASS = 3

class HeartbeatClass(IntEnum):
    TRANSPORT = 0
    APPLICATION = 1
    WORK = 2

class Initiator(IntEnum):
    OWNER = 0
    VENUE = 1
    SELF_TRADE = 2
    LIQUIDATION = 3

class InstrumentStatus(IntEnum):
    OPEN = 0
    AUCTION = 1
    HALTED = 2
    CLOSED = 3
    EXPIRED = 4

class Intent(IntEnum):
    """What an order is for."""

    OPEN = 0
    REDUCE = 1
    PROTECT = 2
    EXIT = 3

class Leg(IntEnum):
    """The part of a position that is traded: NET outside of hedge mode."""

    NET = 0
    LONG = 1
    SHORT = 2

class ListMode(IntEnum):
    OCO = 0
    OTO = 1
    BATCH = 2

class Mode(IntEnum):
    PAPER = 0
    LIVE = 1

class OrderAction(IntEnum):
    NEW = 0
    MODIFY = 1
    CANCEL = 2

class OrderType(IntEnum):
    MARKET = 0
    LIMIT = 1
    STOP = 2
    STOP_LIMIT = 3
    TRAILING = 4
    PEG = 5

class Reason(IntEnum):
    """Why. The hundreds are groups; names and numbers are stable."""

    UNARMED = 101
    WARMUP = 102
    RECONCILING = 103
    READY_TO_RESUME = 104
    LEASE_EXPIRED = 105
    EPOCH_STALE = 106
    NO_EXECUTOR = 107
    UNKNOWN_INSTRUMENT = 201
    UNKNOWN_ORDER = 202
    TICK = 203
    LOT = 204
    MIN_QTY = 205
    MAX_QTY = 206
    MIN_NOTIONAL = 207
    MAX_NOTIONAL = 208
    GTD_PAST = 209
    RESTRICTED = 210
    DUPLICATE_ID = 211
    DUPLICATE_FINGERPRINT = 212
    OCO_REARM = 213
    SELF_CROSS = 214
    LIST_MEMBER = 215
    MAX_POSITION = 301
    GROSS = 302
    NET = 303
    OPEN_ORDERS = 304
    DAILY_COUNT = 305
    REDUCE_ONLY_SIZE = 306
    EXIT_SIZE = 307
    EXIT_UNVERIFIED = 308
    BALANCE = 309
    MARGIN = 310
    LIQUIDATION_DISTANCE = 311
    REROUTE = 312
    NO_MARK = 401
    COLLAR = 402
    COLLAR_ACCUMULATED = 403
    MARK_SUSPECT = 404
    MARK_STALE = 405
    BUCKET_FULL = 501
    BANNED = 502
    QUEUE_FULL = 503
    EXPIRED = 504
    SUPERSEDED = 505
    BACKPRESSURE = 506
    REPEATED_EXECUTION = 507
    DRAWDOWN_SOFT = 601
    DRAWDOWN = 602
    DRAWDOWN_UNTRUSTED = 603
    PEAK_NONPOSITIVE = 604
    PNL_JUMP = 605
    MARGIN_DRAWDOWN = 606
    FLOW_UNPRICED = 607
    ERROR_RATE = 701
    CONSECUTIVE = 702
    AUTH = 703
    LIQUIDATION = 704
    HALF_OPEN_SPENT = 705
    HALF_OPEN = 706
    HEARTBEAT = 801
    SUPERVISOR = 802
    STREAM = 803
    DATABASE = 804
    VENUE_DOWN = 805
    BOOK = 806
    VOLATILITY = 807
    FILL_RATIO = 808
    ACK_LATENCY = 809
    TRADE_RATE = 810
    CANCEL_RATIO = 811
    GAUGE = 812
    OPERATOR = 901
    TRIGGER = 902
    ALERT = 903
    DRILL = 904
    FLEET = 905
    APPROVAL = 906
    GAP = 1001
    CORRUPT = 1002
    REPLAY = 1003
    ARITHMETIC = 1004
    CAPACITY = 1005
    CLIENT_DEAD = 1006
    STALL = 1007
    JOURNAL_LAG = 1008
    POSITION_MISMATCH = 1009
    CASH_MISMATCH = 1010
    UNKNOWN_FILL = 1011
    OVERFILL = 1012
    VIOLATION = 1013
    LAG = 1014
    UNRECORDED = 1015
    PAPER_MODE = 1101
    LIVE_REFUSED = 1102

class RejectClass(IntEnum):
    """Why the venue refused, in the sidecar's words; UNMAPPED lets the sidecar map the venue's code."""

    UNMAPPED = 0
    INVALID = 1
    FUNDS = 2
    VENUE_RISK = 3
    INFRASTRUCTURE = 4
    TIMEOUT = 5
    AUTH = 6
    RATE = 7
    LIQUIDATION = 8
    DUPLICATE_ID = 9

class RetryType(IntEnum):
    TOKEN_REFRESH = 0
    ORDER = 1
    REQUEST = 2

class ScopeKind(IntEnum):
    FIRM = 0
    ACCOUNT = 1
    STRATEGY = 2
    BOOK = 3
    INSTRUMENT = 4

class Severity(IntEnum):
    INFO = 0
    WARN = 1
    CRIT = 2

class Side(IntEnum):
    """The side of an order or execution."""

    BUY = 0
    SELL = 1

class State(IntEnum):
    HALTED = 0
    REDUCE_ONLY = 1
    ACTIVE = 2

class TimeInForce(IntEnum):
    DAY = 0
    GTC = 1
    IOC = 2
    FOK = 3
    GTD = 4

class Verdict(IntEnum):
    """The answer to a request."""

    DENY = 0
    PASS = 1
    PASS_EXIT = 2
    PAPER = 3
    QUEUED = 4
    RELEASED = 5
    DROPPED = 6
    EXIT_UNVERIFIED = 7
