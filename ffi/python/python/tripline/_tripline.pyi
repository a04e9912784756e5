"""The compiled half of the package: its specification.

Units: px in price units and qty in quantity units of the instrument, money (fee, amount, cost) in 1e-9 of a currency,
``t_venue`` and ``*_utc_ns`` in UTC nanoseconds, durations and ``*_ns`` in nanoseconds. Ids are from 1 to 2^64 - 1, the
strategy's or the venue's own, never used twice; 0 is none where it is allowed. What is left out is 0 or nothing.

Any int will do where an enumeration stands, as long as it is a member's number. A float is a TypeError, True and False
are no ints, an int beyond its field is an OverflowError that names the field, a number that is no member a ValueError.

Every method that publishes or asks raises Closed, WrongThread, LaneFull, EventsLost, InvalidEvent or Unsupported; see the
classes at the end.
"""

from decimal import Decimal
from os import PathLike
from types import TracebackType
from typing import TypedDict, final, type_check_only

from typing_extensions import Unpack

from .vocabulary import (
    ConnectionState as ConnectionState,
    Directive as Directive,
    DirectiveStatus as DirectiveStatus,
    DoneStatus as DoneStatus,
    EventKind as EventKind,
    FeedbackForm as FeedbackForm,
    FillCause as FillCause,
    Flag as Flag,
    FlowKind as FlowKind,
    Gate as Gate,
    HeartbeatClass as HeartbeatClass,
    Initiator as Initiator,
    InstrumentStatus as InstrumentStatus,
    Intent as Intent,
    Leg as Leg,
    ListMode as ListMode,
    Mode as Mode,
    OrderAction as OrderAction,
    OrderType as OrderType,
    Reason as Reason,
    RejectClass as RejectClass,
    RetryType as RetryType,
    ScopeKind as ScopeKind,
    Severity as Severity,
    Side as Side,
    State as State,
    TimeInForce as TimeInForce,
    Verdict as Verdict,
)

__version__: str
ABI_VERSION: int

def attach(strategy: str, runtime_dir: str | PathLike[str] | None = None) -> Client:
    """Attaches to a running sidecar as a configured strategy. Blocks up to a few seconds; other threads go on.

    Without ``runtime_dir``, ``$TRIPLINE_RUNTIME_DIR`` or else ``/run/tripline``. Raises an AttachError.
    """

@type_check_only
class _OrderTerms(TypedDict, total=False):
    """What an order may have besides side, price and quantity."""

    order_type: OrderType  # LIMIT unless given
    tif: TimeInForce  # GTC unless given
    intent: Intent  # OPEN unless given
    directive: int  # the directive that it carries out
    venue_reduce_only: bool  # the venue itself enforces it
    maker: bool  # maker or post-only
    paper: bool  # simulated
    hedge_leg: Leg  # of an instrument in hedge mode
    group: int
    leg: int
    list_count: int
    new_order: int  # of a change: the id that takes the order's place
    trigger_px: int
    expiry_utc_ns: int
    quote_cost: int  # a market order by cost, in 1e-9
    parent: int

@final
class Client:
    """An attached strategy. Belongs to the thread that attached; leave it with ``with``, or by ``detach``.

    Whoever leaves the block by an exception, or drops the client without detaching, has not left in order: the sidecar
    takes the strategy for dead and halts it, CLIENT_DEAD, until an operator resets that. A forked child, and so a process
    of multiprocessing that forks, sees a closed client: its gate reads HALTED, every call raises Closed.
    """

    @property
    def strategy(self) -> str: ...
    @property
    def is_attached(self) -> bool:
        """False once detached, and in a forked child. Any thread."""

    def target(self, account: str, instrument: str | None = None) -> Target:
        """The target of orders on an account and, unless account level, an instrument. Look up once, keep the target.

        Raises UnknownAccount or UnknownInstrument.
        """

    def detach(self) -> None:
        """Leaves in order. Does nothing when it has been left before, and in a forked child."""

    def rebind(self) -> None:
        """Makes the calling thread the owner. The previous owner must not be inside a call."""

    def heartbeat(self) -> None:
        """A sign of life. Publishing, polling and waiting are signs of life too."""

    def poll(self) -> VerdictMessage | StateMessage | DirectiveMessage | None:
        """The next message, or None when none waits. Raises Corrupt."""

    def wait(self, position: int, timeout_ns: int) -> VerdictMessage:
        """Waits for the final verdict on the request at ``position``; other Python threads go on meanwhile.

        Other messages are kept for ``poll``. Without a live sidecar the library gives a verdict of its own: PASS for a
        cancel, EXIT_UNVERIFIED for an exit, else DROPPED, LEASE_EXPIRED. Raises TimedOut, after which the request is still
        outstanding, and NotRequested.
        """

    def acknowledge(
        self, directive: DirectiveMessage, status: DirectiveStatus, *, remaining: int | None = None, detail: int | None = None
    ) -> int:
        """DIRECTIVE_ACK: how far a directive has got. ``remaining`` is the signed quantity still to trade, ``detail`` the
        venue's own number where it failed."""

    @property
    def free_slots(self) -> int:
        """How many events can be published now without LaneFull."""

    @property
    def next_position(self) -> int:
        """The lane position that the next event gets."""

    @property
    def applied_position(self) -> int:
        """The position before which every event has been applied: the gate shows whatever those changed."""

    def __enter__(self) -> Client: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

@final
class Target:
    """One strategy's book on an account, and unless account level one instrument there. Made by ``client.target``.

    Methods that publish return the lane position of the event, or of the first where they publish two.
    """

    @property
    def may_send(self) -> bool:
        """True only when the next order may go to the venue, read from shared memory each time. Any thread."""

    @property
    def gate(self) -> Gate:
        """What the gate says of the next order, read from shared memory each time. Any doubt is HALTED. Any thread."""

    @property
    def client(self) -> Client: ...
    @property
    def account(self) -> str: ...
    @property
    def instrument(self) -> Instrument | None:
        """What the sidecar knows of the instrument; None at account level."""

    def publish(
        self,
        kind: EventKind,
        *,
        flags: Flag | int | None = None,
        a: int | None = None,
        b: int | None = None,
        c: int | None = None,
        d: int | None = None,
        e: int | None = None,
    ) -> int:
        """Publishes any event of docs/events.md by its words. The other methods name the fields of the commonest."""

    # Orders: what the strategy does.

    def order_new(self, order: int, side: Side, px: int, qty: int, **terms: Unpack[_OrderTerms]) -> int:
        """ORDER_NEW: about to be sent, after ``may_send`` was true. With ORDER_EXT where the terms need it."""

    def order_modify(self, order: int, side: Side, px: int, qty: int, **terms: Unpack[_OrderTerms]) -> int:
        """ORDER_MODIFY: about to be sent. ``qty`` is the new total, what is filled already included."""

    def order_cancel(self, order: int, *, directive: int | None = None) -> int:
        """ORDER_CANCEL: about to be sent. Never gated."""

    def order_cancel_all(self, *, increasing_only: bool | None = None, directive: int | None = None) -> int:
        """ORDER_CANCEL_ALL: about to be sent. Never gated."""

    def not_sent(self, order: int, *, action: OrderAction | None = None, cause: Reason | None = None) -> int:
        """NOT_SENT: what was announced or permitted has not left after all; the only refund."""

    # Permit mode: ask first.

    def request_new(self, order: int, side: Side, px: int, qty: int, **terms: Unpack[_OrderTerms]) -> int:
        """Requests an order; the verdict comes by ``client.poll`` or ``client.wait`` under the position returned.

        Raises Busy where there is no room for another verdict: poll first.
        """

    def request_modify(self, order: int, side: Side, px: int, qty: int, **terms: Unpack[_OrderTerms]) -> int:
        """Requests a change of an order. ``qty`` is the new total, what is filled already included."""

    def request_cancel(self, order: int, *, directive: int | None = None) -> int:
        """Requests a cancel, which waits for the venue's rates only."""

    def request_cancel_all(self, *, increasing_only: bool | None = None, directive: int | None = None) -> int:
        """Requests a cancel of many orders."""

    def permit_new(
        self, order: int, side: Side, px: int, qty: int, *, timeout_ns: int, **terms: Unpack[_OrderTerms]
    ) -> Permit:
        """Requests an order and waits until it may be sent; other Python threads go on meanwhile.

        Raises Denied where it may not, PaperOnly where it may be simulated, TimedOut where no final verdict came: the
        request is then still outstanding. EXIT_UNVERIFIED is Denied too, unless the order is ``venue_reduce_only``.
        """

    def permit_modify(
        self, order: int, side: Side, px: int, qty: int, *, timeout_ns: int, **terms: Unpack[_OrderTerms]
    ) -> Permit:
        """Requests a change of an order and waits until it may be sent. Raises as ``permit_new``."""

    def permit_cancel(self, order: int, *, timeout_ns: int, directive: int | None = None) -> Permit:
        """Requests a cancel and waits until it may be sent. Raises as ``permit_new``."""

    # Orders: what the venue says of them.

    def order_ack(
        self, order: int, px: int, live_qty: int, *, venue_key: int | None = None, t_venue: int | None = None
    ) -> int:
        """ORDER_ACK: the venue accepted the order; ``live_qty`` still works."""

    def order_reject(
        self,
        order: int,
        *,
        reject_class: RejectClass | None = None,
        action: OrderAction | None = None,
        venue_code: int | None = None,
        cum_qty: int | None = None,
        t_venue: int | None = None,
    ) -> int:
        """ORDER_REJECT: the venue refused a request. ``venue_code`` is its own number, ``cum_qty`` what is filled."""

    def order_modified(self, order: int, px: int, qty: int, *, cum_qty: int | None = None, t_venue: int | None = None) -> int:
        """ORDER_MODIFIED: the venue replaced the order. ``qty`` is the total, ``cum_qty`` what of it is filled."""

    def order_done(
        self,
        order: int,
        status: DoneStatus,
        *,
        initiator: Initiator | None = None,
        cum_qty: int | None = None,
        t_venue: int | None = None,
    ) -> int:
        """ORDER_DONE: the order is over."""

    def order_triggered(self, order: int, *, t_venue: int | None = None) -> int:
        """ORDER_TRIGGERED: a stop became live."""

    # Executions. An execution id has up to 128 bits and is never 0.

    def fill(
        self,
        order: int,
        side: Side,
        execution: int,
        px: int,
        qty: int,
        *,
        fee: int | None = None,
        t_venue: int | None = None,
        cum_qty: int | None = None,
        fee_ccy: int | None = None,
        cause: FillCause | None = None,
        venue_order: int | None = None,
        maker: bool | None = None,
        paper: bool | None = None,
        hedge_leg: Leg | None = None,
    ) -> int:
        """FILL, and FILL_EXT where there is more to say: an execution, booked once.

        Give ``t_venue`` wherever the venue tells the time: the sidecar can forget old executions only by it. ``order`` may
        be 0 where the venue names none. A cost is a positive ``fee``; one left out is not known yet.
        """

    def fill_cum(
        self,
        order: int,
        side: Side,
        cum_qty: int,
        cum_cost: int,
        *,
        cum_fee: int | None = None,
        paper: bool | None = None,
        hedge_leg: Leg | None = None,
    ) -> int:
        """FILL_CUM: totals of an order, for venues without execution ids."""

    def fill_bust(
        self,
        order: int,
        side: Side,
        execution: int,
        px: int,
        qty: int,
        *,
        fee: int | None = None,
        t_venue: int | None = None,
        hedge_leg: Leg | None = None,
    ) -> int:
        """FILL_BUST: the venue took an execution back. Names it as ``fill`` did."""

    def fee_adjust(self, order: int, side: Side, execution: int, fee: int, *, ccy: int | None = None) -> int:
        """FEE_ADJUST: the fee of an execution, as a new total."""

    # Everything else.

    def mark(
        self, px: int | None, sequence: int, *, index: int | None = None, last: int | None = None, underlying: int | None = None
    ) -> int:
        """MARK: the price that values positions. ``sequence`` must grow from one mark of a source to the next."""

    def book(
        self, sequence: int, *, bid: int | None = None, ask: int | None = None, bid_qty: int | None = None, ask_qty: int | None = None
    ) -> int:
        """BOOK: the top of the book."""

    def instrument_state(
        self, status: InstrumentStatus, *, next_change_utc_ns: int | None = None, t_venue: int | None = None
    ) -> int:
        """INSTRUMENT_STATE: the instrument's session changed."""

    def heartbeat(self, source: int, counter: int, *, heartbeat_class: HeartbeatClass | None = None) -> int:
        """HEARTBEAT: proof that a source works; APPLICATION unless given. ``counter`` must grow."""

    def funding(self, funding: int, amount: int, *, ccy: int | None = None, t_venue: int | None = None) -> int:
        """FUNDING: received is positive. A repeated id changes nothing."""

    def flow(self, flow: int, amount: int, kind: FlowKind, *, ccy: int | None = None, t_venue: int | None = None) -> int:
        """FLOW: a deposit, withdrawal or the like; what comes in is positive. A repeated id changes nothing."""

    def rate_feedback(
        self,
        bucket: int,
        value: int,
        *,
        http: int | None = None,
        form: FeedbackForm | None = None,
        window: int | None = None,
        reset_utc_ns: int | None = None,
        retry_after: int | None = None,
    ) -> int:
        """RATE_FEEDBACK: what the venue's rate headers say. ``http`` is 200 unless given, ``form`` USED."""

    def gauge_value(self, gauge: int, value: int, *, samples: int | None = None, t_venue: int | None = None) -> int:
        """GAUGE: any number the strategy wants watched, in 1e-9; one sample unless given."""

@final
class Instrument:
    """An instrument as the sidecar is configured: the units that prices and quantities are counted in."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> int:
        """0 linear, 1 inverse, 2 spot."""

    @property
    def price_decimals(self) -> int:
        """A price unit is 10^-price_decimals."""

    @property
    def qty_decimals(self) -> int:
        """A quantity unit is 10^-qty_decimals."""

    @property
    def multiplier_e9(self) -> int:
        """Contract multiplier in 1e-9."""

    @property
    def tick(self) -> int:
        """Price increment in price units."""

    @property
    def lot(self) -> int:
        """Quantity increment in quantity units."""

    def price(self, value: str | Decimal | int, /) -> int:
        """Price units of a price, exactly: ``price("46377.5")``.

        Raises ValueError for NaN, infinity, more decimals than the instrument has, and what is not a multiple of the tick;
        OverflowError beyond 64 bits; TypeError for a float.
        """

    def qty(self, value: str | Decimal | int, /) -> int:
        """Quantity units of a quantity, exactly. Raises as ``price`` does, with the lot for the tick."""

    def __eq__(self, other: object, /) -> bool: ...

@final
class Permit:
    """What may be sent. Resolve it with the order's next event (ack, reject, fill, done), or with ``not_sent``."""

    @property
    def verdict(self) -> Verdict:
        """PASS, PASS_EXIT or RELEASED; EXIT_UNVERIFIED only where the order was said to be the venue's reduce-only."""

    @property
    def order(self) -> int: ...
    @property
    def position(self) -> int:
        """Lane position of the request."""

    @property
    def valid_until_ns(self) -> int:
        """Until when it may be sent, on the clock of ``time.monotonic_ns``; 0 where nothing limits it."""

    @property
    def extra(self) -> int:
        """PASS_EXIT: the quantity left to exit. RELEASED: nanoseconds queued."""

@final
class VerdictMessage:
    """The answer to a request."""

    @property
    def verdict(self) -> Verdict: ...
    @property
    def may_send(self) -> bool:
        """True only where the order may go to the venue: PASS, PASS_EXIT and RELEASED."""

    @property
    def is_final(self) -> bool:
        """Whether no other verdict follows."""

    @property
    def action(self) -> OrderAction:
        """The request it answers."""

    @property
    def reason(self) -> Reason | None:
        """Why; None for a plain pass."""

    @property
    def order(self) -> int: ...
    @property
    def guard(self) -> int:
        """The guard that decided, 0 for none."""

    @property
    def scope(self) -> ScopeKind:
        """The kind of scope that the limit belongs to."""

    @property
    def measured(self) -> int:
        """The measured value, units by reason; the deadline of what may be sent or simulated."""

    @property
    def limit(self) -> int:
        """The limit it was held against."""

    @property
    def extra(self) -> int:
        """DENY: the largest quantity that would pass, for reasons 500 to 599 the time until a retry may. PASS_EXIT: the
        quantity left to exit. QUEUED: the expected wait. RELEASED, DROPPED: the time queued. Times in nanoseconds."""

    @property
    def position(self) -> int:
        """Lane position of the request."""

@final
class StateMessage:
    """A scope changed state. The gate decides; this explains."""

    @property
    def id(self) -> int:
        """Number of the transition, growing."""

    @property
    def state(self) -> State: ...
    @property
    def mode(self) -> Mode: ...
    @property
    def reason(self) -> Reason: ...
    @property
    def scope(self) -> tuple[ScopeKind, int, int]:
        """The scope: its kind, then its indices."""

    @property
    def epoch(self) -> int:
        """The halt epoch of the change."""

    @property
    def causes(self) -> int:
        """Bits of the causes that hold now."""

@final
class DirectiveMessage:
    """Something to do, and to acknowledge with ``client.acknowledge``."""

    @property
    def directive(self) -> Directive:
        """What to do. A kind you do not know is to be acknowledged as REFUSED."""

    @property
    def id(self) -> int:
        """Its id, which the orders that carry it out name as their directive."""

    @property
    def reason(self) -> Reason: ...
    @property
    def epoch(self) -> int:
        """The halt epoch it belongs to."""

    @property
    def deadline_ns(self) -> int:
        """On the clock of ``time.monotonic_ns``; past it the directive is void."""

    @property
    def order(self) -> int:
        """CANCEL and RESIZE: the order, else 0."""

    @property
    def venue_key(self) -> int:
        """CANCEL: the venue's number for the order, 0 when it told none."""

    @property
    def scope(self) -> tuple[ScopeKind, int, int] | None:
        """The scope it is about, its kind, then its indices; None where it names none."""

    @property
    def qty(self) -> int:
        """FLATTEN: the signed quantity to trade. RESIZE: the order's new total. Else 0."""

    @property
    def leg(self) -> Leg:
        """FLATTEN: the leg to trade, else NET."""

    @property
    def what(self) -> int:
        """SNAPSHOT: what to send, bit 0 positions, 1 orders, 2 balances; else 0."""

    @property
    def revoked(self) -> int:
        """REVOKE: the directive that is taken back, else 0."""

class TriplineError(Exception):
    """What went wrong with Tripline; `code` is the number of the C ABI."""

    code: int

class AttachError(TriplineError):
    """The sidecar could not be attached to."""

class Unreachable(AttachError):
    """Nobody listens in the runtime directory."""

class Refused(AttachError):
    """The sidecar refused; the text says why."""

class Unsealed(AttachError):
    """Seals on shared memory are not enforced here."""

class ProtocolMismatch(AttachError):
    """Whatever listens there is not a sidecar."""

class ClockSkew(AttachError):
    """This process runs in another time namespace."""

class KernelRefused(AttachError):
    """The kernel refused descriptors or memory."""

class Closed(TriplineError):
    """The client came through fork, or is detached."""

class WrongThread(TriplineError):
    """The client belongs to another thread."""

class LaneFull(TriplineError):
    """The lane is full and this event is lost: the strategy is halted until an operator resets it."""

class EventsLost(TriplineError):
    """An earlier event was lost."""

class InvalidEvent(TriplineError):
    """The event means nothing; nothing was published."""

class Unsupported(TriplineError):
    """A strategy may not publish such an event."""

class UnknownAccount(TriplineError):
    """No such account, or the strategy has no book on it."""

class UnknownInstrument(TriplineError):
    """No such instrument."""

class Corrupt(TriplineError):
    """The return ring holds something that is no message."""

class Busy(TriplineError):
    """There is no room for another verdict: poll first. Nothing was published."""

class TimedOut(TriplineError):
    """No final verdict came in time; the request at `position` is still outstanding."""

    position: int

class NotRequested(TriplineError):
    """No request at this position waits for a verdict."""

class Denied(TriplineError):
    """The request may not be sent as it is. `code` and `name` are the reason's, 0 and '' for none."""

    name: str
    verdict: Verdict
    scope: ScopeKind
    measured: int
    limit: int
    extra: int
    position: int
    order: int
    guard: int

class PaperOnly(Denied):
    """The request may be simulated, not sent: the book trades on paper."""
