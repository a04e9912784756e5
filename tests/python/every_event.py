"""Publishes every event that has a method, for tests/python.rs to compare word by word. Usage: every_event.py RUNTIME_DIR"""

import sys
import time
from collections.abc import Callable

import tripline
from tripline import (
    DoneStatus,
    EventKind,
    FeedbackForm,
    FillCause,
    Flag,
    FlowKind,
    HeartbeatClass,
    Initiator,
    InstrumentStatus,
    Intent,
    Leg,
    OrderAction,
    OrderType,
    Reason,
    RejectClass,
    Side,
    TimeInForce,
)

HIGH, LOW = 2**63 - 1, -(2**63)


def main() -> None:
    with tripline.attach("mm1", sys.argv[1]) as client:
        t = client.target("main", "BTC-PERP")
        events: list[Callable[[], int]] = [
            lambda: t.order_new(1, Side.BUY, 100, 2),
            lambda: t.order_new(
                2**64 - 1,
                Side.SELL,
                LOW,
                HIGH,
                order_type=OrderType.PEG,
                tif=TimeInForce.GTD,
                intent=Intent.EXIT,
                directive=2**32 - 1,
                venue_reduce_only=True,
                maker=True,
                paper=True,
                group=3,
                leg=4,
                list_count=5,
            ),
            lambda: t.order_new(2, Side.BUY, 1, 2, trigger_px=-3, expiry_utc_ns=4, quote_cost=5, parent=6),
            lambda: t.order_new(4, Side.BUY, 1, 2, hedge_leg=Leg.SHORT),
            lambda: t.order_modify(3, Side.SELL, 4, 5, new_order=6, tif=TimeInForce.IOC),
            lambda: t.order_cancel(7),
            lambda: t.order_cancel(7, directive=8),
            lambda: t.order_cancel_all(),
            lambda: t.order_cancel_all(increasing_only=True, directive=9),
            lambda: t.not_sent(10),
            lambda: t.not_sent(10, action=OrderAction.CANCEL, cause=Reason.EXPIRED),
            lambda: t.order_ack(11, -12, 13, venue_key=14, t_venue=-15),
            lambda: t.order_reject(16),
            lambda: t.order_reject(
                16,
                reject_class=RejectClass.AUTH,
                action=OrderAction.MODIFY,
                venue_code=-(2**31),
                cum_qty=17,
                t_venue=18,
            ),
            lambda: t.order_modified(19, 20, 21, cum_qty=22, t_venue=23),
            lambda: t.order_done(
                24, DoneStatus.REJECTED_LATE, initiator=Initiator.LIQUIDATION, cum_qty=25, t_venue=26
            ),
            lambda: t.order_triggered(27, t_venue=28),
            lambda: t.fill(0, Side.SELL, 29, -30, 31),
            lambda: t.fill(32, Side.BUY, 33, 34, 35, fee=-36, maker=True, paper=True, hedge_leg=Leg.LONG),
            lambda: t.fill(
                37,
                Side.BUY,
                2**128 - 1,
                38,
                39,
                fee=40,
                t_venue=41,
                cum_qty=42,
                fee_ccy=43,
                cause=FillCause.EXTERNAL,
                venue_order=44,
            ),
            lambda: t.fill_cum(45, Side.SELL, 46, -(2**100), cum_fee=47, paper=True, hedge_leg=Leg.SHORT),
            lambda: t.fill_bust(48, Side.SELL, 2**64, 49, 50, fee=51, t_venue=52, hedge_leg=Leg.LONG),
            lambda: t.fee_adjust(53, Side.SELL, 2**64 + 54, -55, ccy=56),
            lambda: t.mark(0, 57),
            lambda: t.mark(None, 58, last=-59),
            lambda: t.mark(60, 61, index=62, last=63, underlying=64),
            lambda: t.book(65, bid=66, ask_qty=67),
            lambda: t.instrument_state(InstrumentStatus.EXPIRED, next_change_utc_ns=68, t_venue=69),
            lambda: t.heartbeat(70, 71),
            lambda: t.heartbeat(70, 72, heartbeat_class=HeartbeatClass.WORK),
            lambda: t.funding(73, -(2**127), ccy=74, t_venue=75),
            lambda: t.flow(76, 2**127 - 1, FlowKind.FEE, ccy=77, t_venue=78),
            lambda: t.rate_feedback(79, 80),
            lambda: t.rate_feedback(
                79, 80, http=429, form=FeedbackForm.REMAINING, window=81, reset_utc_ns=82, retry_after=83
            ),
            lambda: t.gauge_value(84, LOW, samples=85, t_venue=86),
            lambda: t.publish(EventKind.TRIGGER, a=87 | 2 << 32, b=int(Reason.DRILL), c=88, d=89, e=90),
            lambda: t.publish(EventKind.FILL_BUST, flags=Flag.SELL, a=91, b=92, c=93, d=94, e=95),
        ]
        for event in events:
            expected = client.next_position
            position = event()
            assert position == expected, (position, expected)
            while client.applied_position < client.next_position:
                time.sleep(0)


if __name__ == "__main__":
    main()
