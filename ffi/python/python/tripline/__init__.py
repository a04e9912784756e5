"""Tripline: a risk sidecar for trading. This is its client.

    import tripline

    with tripline.attach("mm1") as client:
        btc = client.target("main", "BTC-PERP")
        if btc.may_send:                     # one read of shared memory
            btc.order_new(order, tripline.Side.BUY, px, qty)
            ...                              # send it to the venue, then tell what came back

Numbers are integers: prices in price units, quantities in quantity units of the instrument, money in 1e-9. A float is a
TypeError; ``btc.instrument.price("46377.5")`` makes units from text or Decimal, exactly.

Any doubt reads HALTED: no sidecar, a stalled or killed one, a lost event, a forked child, a detached client.

A client belongs to the thread that attached it; the gate may be read from any thread. Leaving the ``with`` block by an
exception, or losing the client without ``detach``, is not leaving in order: the sidecar halts the strategy, CLIENT_DEAD,
until an operator resets it. Messages come by ``client.poll()``; poll often.
"""

from ._tripline import (
    ABI_VERSION,
    AttachError,
    Busy,
    Client,
    ClockSkew,
    Closed,
    Corrupt,
    Denied,
    DirectiveMessage,
    EventsLost,
    Instrument,
    InvalidEvent,
    KernelRefused,
    LaneFull,
    NotRequested,
    PaperOnly,
    Permit,
    ProtocolMismatch,
    Refused,
    StateMessage,
    Target,
    TimedOut,
    TriplineError,
    UnknownAccount,
    UnknownInstrument,
    Unreachable,
    Unsealed,
    Unsupported,
    VerdictMessage,
    WrongThread,
    __version__,
    attach,
)
from .vocabulary import (
    ConnectionState,
    Directive,
    DirectiveStatus,
    DoneStatus,
    EventKind,
    FeedbackForm,
    FillCause,
    Flag,
    FlowKind,
    Gate,
    HeartbeatClass,
    Initiator,
    InstrumentStatus,
    Intent,
    ListMode,
    Mode,
    OrderAction,
    OrderType,
    Reason,
    RejectClass,
    RetryType,
    ScopeKind,
    Severity,
    Side,
    State,
    TimeInForce,
    Verdict,
)

Message = VerdictMessage | StateMessage | DirectiveMessage
"""What ``client.poll()`` gives."""

__all__ = [
    "ABI_VERSION",
    "AttachError",
    "Busy",
    "Client",
    "ClockSkew",
    "Closed",
    "ConnectionState",
    "Corrupt",
    "Denied",
    "Directive",
    "DirectiveMessage",
    "DirectiveStatus",
    "DoneStatus",
    "EventKind",
    "EventsLost",
    "FeedbackForm",
    "FillCause",
    "Flag",
    "FlowKind",
    "Gate",
    "HeartbeatClass",
    "Initiator",
    "Instrument",
    "InstrumentStatus",
    "Intent",
    "InvalidEvent",
    "KernelRefused",
    "LaneFull",
    "ListMode",
    "Message",
    "Mode",
    "NotRequested",
    "OrderAction",
    "OrderType",
    "PaperOnly",
    "Permit",
    "ProtocolMismatch",
    "Reason",
    "Refused",
    "RejectClass",
    "RetryType",
    "ScopeKind",
    "Severity",
    "Side",
    "State",
    "StateMessage",
    "Target",
    "TimeInForce",
    "TimedOut",
    "TriplineError",
    "UnknownAccount",
    "UnknownInstrument",
    "Unreachable",
    "Unsealed",
    "Unsupported",
    "Verdict",
    "VerdictMessage",
    "WrongThread",
    "__version__",
    "attach",
]
