"""A strategy in Python: tells a running sidecar what it does, and asks before each order. strategy.c and strategy.cpp are
the same strategy; whoever has read one has read all three.

    pip install ./ffi/python
    printf '600000\\n600010\\n599990\\n' | python3 ffi/examples/strategy.py /run/tripline mm1 main BTC-PERP permit

Reads one price a line, in price units. Buys a lot when the price rises, three at most, sells one when it falls, and keeps
a bid far below. Its venue is simulated: what is marketable fills at once, the bid rests. With "gate" it looks at the gate
before an order, with "permit" it requests each and waits for the verdict. When it is halted it cancels, and with "permit"
it leaves its position. It does what directives say and acknowledges them.

Exit codes: 0 end of input, 1 the sidecar cannot be reached or refused something, 2 usage, 3 events were lost.
"""

import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import tripline
from tripline import (
    Directive,
    DirectiveMessage,
    DirectiveStatus,
    DoneStatus,
    Gate,
    Initiator,
    Intent,
    OrderAction,
    RejectClass,
    Side,
    StateMessage,
    TimeInForce,
    Verdict,
    VerdictMessage,
)

REFUSED, USAGE, LOST = 1, 2, 3
IDLE_S, VERDICT_NS, MOST_WAITS_MS, MOST_LOTS, BID_TICKS = 0.1, 250_000_000, 250, 3, 100


@dataclass
class Order:
    what: str  # how it is called when it is told of
    side: Side
    tif: TimeInForce
    intent: Intent
    px: int
    qty: int
    directive: int = 0  # the directive it carries out, or 0
    id: int = 0

    def say(self, what: str) -> None:
        print(f"{self.what} {self.qty} at {self.px}: {what}")


class Strategy:
    def __init__(self, client: tripline.Client, account: str, instrument: str, asks: bool) -> None:
        self.client = client
        self.target = client.target(account, instrument)
        known = self.target.instrument
        assert known is not None
        self.known = known
        self.asks = asks  # permit mode
        self.position = 0  # in quantity units; never short
        self.last_px = 0  # the price before; 0 before the first
        self.last_id = time.time_ns()  # of orders, executions and marks: never used before
        self.bid: Order | None = None  # rests at the venue
        self.is_halted = False  # and has been told so
        self.reason = "none"  # of the last state that was told
        self.sent = self.held_back = 0
        self.inbox: list[DirectiveMessage] = []  # directives to obey
        print(f"attached abi {tripline.ABI_VERSION} instrument {instrument} tick {known.tick} lot {known.lot}")

    def new_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def on_verdict(self, verdict: VerdictMessage) -> None:
        """A verdict that comes when nobody waits for it any more: what it lets through is given back."""
        is_late = verdict.may_send and verdict.action is not OrderAction.CANCEL
        print(f"verdict {verdict.verdict.name}{' too late, not sent' if is_late else ''}")
        if is_late:
            self.target.not_sent(verdict.order, action=verdict.action)

    def on_state(self, notice: StateMessage) -> None:
        print(f"state {notice.state.name} {notice.mode.name} reason {notice.reason.name}")
        self.reason = notice.reason.name

    def hear(self) -> None:
        """Takes every message that waits: a sign of life too. Directives are kept until nothing else is being done."""
        while (message := self.client.poll()) is not None:
            if isinstance(message, VerdictMessage):
                self.on_verdict(message)
            elif isinstance(message, StateMessage):
                self.on_state(message)
            else:
                self.inbox.append(message)

    def publish(self, *events: Callable[[], int]) -> None:
        """Publishes events and waits, but not for ever, until the sidecar has applied them: the gate then shows their
        effect. A strategy in a hurry does not wait. A sidecar that takes longer has stopped, and the gate will say so."""
        for event in events:
            event()
        for waits in range(MOST_WAITS_MS):
            if self.client.applied_position == self.client.next_position:
                break
            time.sleep(0.001 if waits > 0 else 0)
        self.hear()

    # The simulated venue: every report is told as it comes.

    def venue_fills(self, order: Order) -> None:
        now = time.time_ns()
        execution = self.new_id()
        self.position += -order.qty if order.side is Side.SELL else order.qty
        self.publish(
            lambda: self.target.fill(
                order.id, order.side, execution, order.px, order.qty, fee=0, t_venue=now, cum_qty=order.qty
            ),
            lambda: self.target.order_done(
                order.id, DoneStatus.FILLED, initiator=Initiator.VENUE, cum_qty=order.qty, t_venue=now
            ),
        )

    def venue_takes(self, order: Order) -> None:
        self.sent += 1
        if order.px <= 0:
            order.say("sent, rejected")
            self.publish(
                lambda: self.target.order_reject(order.id, reject_class=RejectClass.INVALID, venue_code=-1)
            )
            return
        order.say("sent")
        self.publish(lambda: self.target.order_ack(order.id, order.px, order.qty, venue_key=order.id))
        if order.tif is TimeInForce.IOC:
            self.venue_fills(order)
        else:
            self.bid = order

    def venue_cancels(self, bid: Order) -> None:
        bid.say("canceled")
        self.bid = None
        self.publish(lambda: self.target.order_done(bid.id, DoneStatus.CANCELED, initiator=Initiator.OWNER))

    def hold_back(self, order: Order, why: str) -> None:
        self.held_back += 1
        order.say(why)

    def send_if_open(self, order: Order) -> None:
        """Gate mode: looks, announces, and looks again, because what was announced may itself have closed the gate."""
        gate = self.target.gate
        if gate is not Gate.PASS:
            self.hold_back(order, f"held back, gate {gate.name}")  # PAPER: to be simulated here
            return
        self.publish(  # what cannot be told is not sent
            lambda: self.target.order_new(
                order.id,
                order.side,
                order.px,
                order.qty,
                tif=order.tif,
                intent=order.intent,
                directive=order.directive,
            )
        )
        if self.target.may_send:
            self.venue_takes(order)
            return
        self.hold_back(order, "announced, not sent")
        self.publish(lambda: self.target.not_sent(order.id))

    def send_if_permitted(self, order: Order) -> None:
        """Permit mode: requests and waits, but not for ever. `permit_new` does both and raises Denied."""
        try:
            position = self.target.request_new(
                order.id,
                order.side,
                order.px,
                order.qty,
                tif=order.tif,
                intent=order.intent,
                directive=order.directive,
                venue_reduce_only=order.intent is Intent.EXIT,
            )
            verdict = self.client.wait(position, VERDICT_NS)
        except tripline.Busy:
            self.hold_back(order, "too many requests wait for a verdict")
            return
        except tripline.TimedOut:
            self.hold_back(order, "no verdict yet")  # on_verdict gives back what comes after all
            return
        name, reason = verdict.verdict.name, verdict.reason.name if verdict.reason else ""
        match verdict.verdict:
            case Verdict.PASS | Verdict.PASS_EXIT | Verdict.RELEASED:
                order.say(name)
            case Verdict.EXIT_UNVERIFIED:
                order.say(f"{name}, as the venue's own reduce-only")
            case Verdict.PAPER:
                self.hold_back(order, f"{name}, to be simulated")
                return
            case Verdict.DENY:
                self.hold_back(order, f"DENY {reason}")
                return
            case _:
                self.hold_back(order, f"DROPPED {reason}")
                return
        self.venue_takes(order)

    def send(self, order: Order) -> None:
        order.id = self.new_id()
        if self.asks or order.intent is Intent.EXIT:  # nobody but the sidecar can verify an exit
            self.send_if_permitted(order)
        else:
            self.send_if_open(order)

    def cancel(self, directive: int = 0) -> None:
        """Cancels are never gated. With permit they wait for the venue's rates, and are sent whatever comes of that."""
        bid = self.bid
        if bid is None:
            return
        is_permitted = False
        if self.asks:
            try:
                self.target.permit_cancel(bid.id, timeout_ns=VERDICT_NS, directive=directive)
                is_permitted = True
            except tripline.TriplineError:
                pass
        if not is_permitted:
            self.publish(lambda: self.target.order_cancel(bid.id, directive=directive))
        self.venue_cancels(bid)

    def leave(self, qty: int, directive: int = 0) -> None:
        if qty > 0:
            self.send(Order("exit", Side.SELL, TimeInForce.IOC, Intent.EXIT, self.last_px, qty, directive))

    def acknowledge(self, directive: DirectiveMessage, status: DirectiveStatus) -> None:
        remaining = -self.position if directive.directive is Directive.FLATTEN else 0
        print(f"directive {int(directive.directive)} reason {directive.reason.name} status {int(status)}")
        self.publish(lambda: self.client.acknowledge(directive, status, remaining=remaining))

    def obey(self, directive: DirectiveMessage) -> DirectiveStatus:
        """Does what a directive says; tells the status it ends with."""
        if directive.deadline_ns < time.monotonic_ns():
            return DirectiveStatus.EXPIRED
        match directive.directive:
            case Directive.CANCEL:
                if self.bid is not None and self.bid.id == directive.order:
                    self.cancel(directive.id)
                return DirectiveStatus.DONE
            case Directive.CANCEL_INCREASING | Directive.CANCEL_ALL:
                self.cancel(directive.id)  # the bid is the only order that rests, and it increases
                return DirectiveStatus.DONE
            case Directive.FLATTEN:  # a position is never short: what is to be traded is a sale
                self.leave(min(-directive.qty, self.position), directive.id)
                return DirectiveStatus.DONE if self.position == 0 else DirectiveStatus.FAILED
            case Directive.REVOKE:
                return DirectiveStatus.DONE  # nothing is left half done
            case _:
                return DirectiveStatus.REFUSED

    def obey_all(self) -> None:
        for directive in self.inbox:  # what comes meanwhile is appended
            self.acknowledge(directive, DirectiveStatus.RECEIVED)
            self.acknowledge(directive, self.obey(directive))
        self.inbox.clear()

    def on_halt(self) -> None:
        print(f"halted reason {self.reason}")
        self.is_halted = True
        self.cancel()
        if self.asks:
            self.leave(self.position)

    def on_price(self, px: int) -> None:
        before, lot, mark = self.last_px, self.known.lot, self.new_id()
        self.last_px = px
        self.publish(lambda: self.target.mark(px, mark))
        if self.bid is not None and px <= self.bid.px:
            filled, self.bid = self.bid, None
            filled.say("filled")
            self.venue_fills(filled)
        self.obey_all()
        if self.target.gate is not Gate.HALTED:
            self.is_halted = False
        elif not self.is_halted:
            self.on_halt()
        if px > before and self.position < MOST_LOTS * lot:
            self.send(Order("buy", Side.BUY, TimeInForce.IOC, Intent.OPEN, px, lot))
        if px < before and self.position >= lot:
            self.send(Order("sell", Side.SELL, TimeInForce.IOC, Intent.REDUCE, px, lot))
        if self.position > 0 and self.bid is None and not self.is_halted:
            far = px - BID_TICKS * self.known.tick
            self.send(Order("bid", Side.BUY, TimeInForce.GTC, Intent.OPEN, far, lot))

    def trade(self) -> int:
        """Handles each line as it comes, and lives on while none does."""
        prices = open(0, "rb", buffering=0, closefd=False)  # select must not miss what a buffer holds
        while True:
            if not select.select([prices], [], [], IDLE_S)[0]:
                self.hear()
                self.obey_all()
                continue
            line = prices.readline()
            if not line:
                break
            try:
                px = int(line)
            except ValueError:
                print(f"not a price: '{line.decode(errors='replace').strip()}'", file=sys.stderr)
                return USAGE
            self.on_price(px)
        self.cancel()
        return 0


def main() -> int:
    given = ["", "mm1", "main", "BTC-PERP", "gate"]
    given[: len(sys.argv) - 1] = sys.argv[1:]
    if len(given) > 5 or given[4] not in ("gate", "permit"):
        print(
            "usage: strategy [RUNTIME_DIR [STRATEGY [ACCOUNT [INSTRUMENT [gate|permit]]]]] <PRICES", file=sys.stderr
        )
        return USAGE
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        with tripline.attach(given[1], given[0] or None) as client:
            # A failure is told and the block left in order. An exception that left it would halt the strategy.
            try:
                strategy = Strategy(client, given[2], given[3], asks=given[4] == "permit")
                result = strategy.trade()
            except tripline.TriplineError as error:
                return failed(error)
        print(f"done sent {strategy.sent} held back {strategy.held_back} position {strategy.position}")
        return result
    except tripline.AttachError as error:
        return failed(error)


def failed(error: tripline.TriplineError) -> int:
    print(f"{type(error).__name__} ({error.code}): {error}", file=sys.stderr)
    return LOST if isinstance(error, (tripline.LaneFull, tripline.EventsLost)) else REFUSED


if __name__ == "__main__":
    sys.exit(main())
