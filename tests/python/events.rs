//! What tests/python/every_event.py publishes, in its order.

use tripline::model::event::{
    DoneStatus, FeedbackForm, FillCause, FlowKind, HeartbeatClass, Initiator, InstrumentStatus, Intent,
    OrderAction, OrderId, OrderType, RejectClass, Severity, TimeInForce,
};
use tripline::model::{Event, Flags, Lots, Money, OrderAttrs, Reason, Ticks};

fn id(raw: u64) -> OrderId {
    OrderId::new(raw).expect("not 0")
}

fn attrs(order_type: OrderType, tif: TimeInForce, intent: Intent, directive: u32) -> OrderAttrs {
    OrderAttrs { order_type, tif, intent, directive }
}

fn limit() -> OrderAttrs {
    attrs(OrderType::Limit, TimeInForce::Gtc, Intent::Open, 0)
}

/// The attributes of a cancel.
fn plain(directive: u32) -> OrderAttrs {
    attrs(OrderType::Market, TimeInForce::Day, Intent::Open, directive)
}

/// Flags and event of each.
pub(crate) fn expected() -> Vec<(Flags, Event)> {
    [orders(), answers(), executions(), market(), others()].concat()
}

fn orders() -> Vec<(Flags, Event)> {
    let none = Flags::empty();
    let new = |order, px, qty, attrs, group, leg, list_count| {
        let (order, px, qty) = (id(order), Ticks(px), Lots(qty));
        Event::OrderNew { order, px, qty, attrs, group, leg, list_count }
    };
    let all = Flags::SELL | Flags::VENUE_REDUCE_ONLY | Flags::MAKER | Flags::PAPER;
    let peg = attrs(OrderType::Peg, TimeInForce::Gtd, Intent::Exit, u32::MAX);
    let ioc = attrs(OrderType::Limit, TimeInForce::Ioc, Intent::Open, 0);
    let rest =
        Event::OrderExt { order: id(2), trigger_px: Ticks(-3), expiry_utc_ns: 4, quote_cost: 5, parent: 6 };
    let modify = Event::OrderModify { order: id(3), px: Ticks(4), qty: Lots(5), attrs: ioc, new_order: 6 };
    let cancel = |directive| Event::OrderCancel { order: id(7), attrs: plain(directive) };
    let cancel_all = |increasing_only, directive| Event::OrderCancelAll {
        side: 0,
        increasing_only,
        attrs: plain(directive),
    };
    let not_sent =
        |action: OrderAction, cause| Event::NotSent { order: id(10), action: action as u32, cause };
    vec![
        (none, new(1, 100, 2, limit(), 0, 0, 0)),
        (all, new(u64::MAX, i64::MIN, i64::MAX, peg, 3, 4, 5)),
        (Flags::MORE, new(2, 1, 2, limit(), 0, 0, 0)),
        (none, rest),
        (Flags::LEG_SHORT, new(4, 1, 2, limit(), 0, 0, 0)),
        (Flags::SELL, modify),
        (none, cancel(0)),
        (none, cancel(8)),
        (none, cancel_all(0, 0)),
        (none, cancel_all(1, 9)),
        (none, not_sent(OrderAction::New, 0)),
        (none, not_sent(OrderAction::Cancel, Reason::Expired as u32)),
    ]
}

fn answers() -> Vec<(Flags, Event)> {
    let reject = |class, action, venue_code, cum_qty, t_venue| Event::OrderReject {
        order: id(16),
        class,
        action,
        venue_code,
        cum_qty: Lots(cum_qty),
        t_venue,
    };
    let events = [
        Event::OrderAck { order: id(11), venue_key: 14, px: Ticks(-12), live_qty: Lots(13), t_venue: -15 },
        reject(RejectClass::Unmapped, OrderAction::New, 0, 0, 0),
        reject(RejectClass::Auth, OrderAction::Modify, i32::MIN, 17, 18),
        Event::OrderModified { order: id(19), px: Ticks(20), qty: Lots(21), cum_qty: Lots(22), t_venue: 23 },
        Event::OrderDone {
            order: id(24),
            status: DoneStatus::RejectedLate,
            initiator: Initiator::Liquidation,
            cum_qty: Lots(25),
            t_venue: 26,
        },
        Event::OrderTriggered { order: id(27), t_venue: 28 },
    ];
    events.map(|event| (Flags::empty(), event)).to_vec()
}

fn executions() -> Vec<(Flags, Event)> {
    let fill = |order, exec, px, qty, fee| Event::Fill { order, exec, px: Ticks(px), qty: Lots(qty), fee };
    let rest = |exec_high, cum_qty, t_venue, fee_ccy, cause, venue_order| Event::FillExt {
        exec_high,
        cum_qty: Lots(cum_qty),
        t_venue,
        fee_ccy,
        cause,
        venue_order,
    };
    let total =
        Event::FillCum { order: id(45), cum_qty: Lots(46), cum_cost: Money(-(1 << 100)), cum_fee: 47 };
    let bust = Event::FillBust { order: 48, exec: 0, px: Ticks(49), qty: Lots(50), fee: 51 };
    let none = Flags::empty();
    vec![
        (Flags::SELL, fill(0, 29, -30, 31, i64::MIN)),
        (Flags::MAKER | Flags::PAPER | Flags::LEG_LONG, fill(32, 33, 34, 35, -36)),
        (Flags::MORE, fill(37, u64::MAX, 38, 39, 40)),
        (none, rest(u64::MAX, 42, 41, 43, FillCause::External, 44)),
        (Flags::SELL | Flags::PAPER | Flags::LEG_SHORT, total),
        (Flags::SELL | Flags::MORE | Flags::LEG_LONG, bust),
        (none, rest(1, 0, 52, 0, FillCause::Normal, 0)),
        (Flags::SELL, Event::FeeAdjust { order: 53, exec: 54, fee: -55, ccy: 56, exec_high: 1 }),
    ]
}

fn market() -> Vec<(Flags, Event)> {
    let there = Flags::from_bits_retain;
    let mark = |mark, index, last, underlying, sequence| {
        let ticks = |px: Option<i64>| px.map(Ticks);
        let (mark, index, last, underlying) = (ticks(mark), ticks(index), ticks(last), ticks(underlying));
        Event::Mark { mark, index, last, underlying, sequence }
    };
    let book =
        Event::Book { bid: Some(Ticks(66)), ask: None, bid_qty: None, ask_qty: Some(Lots(67)), sequence: 65 };
    vec![
        (there(1), mark(Some(0), None, None, None, 57)),
        (there(4), mark(None, None, Some(-59), None, 58)),
        (there(15), mark(Some(60), Some(62), Some(63), Some(64), 61)),
        (there(9), book),
        (
            there(0),
            Event::InstrumentState { state: InstrumentStatus::Expired, next_change_utc_ns: 68, t_venue: 69 },
        ),
    ]
}

fn others() -> Vec<(Flags, Event)> {
    let beat = |class, counter| Event::Heartbeat { source: 70, class, counter };
    let feedback = |http, form, window, reset_utc_ns, retry_after| Event::RateFeedback {
        bucket: 79,
        http,
        form,
        value: 80,
        window,
        reset_utc_ns,
        retry_after,
    };
    let (none, sell) = (Flags::empty(), Flags::SELL);
    vec![
        (none, beat(HeartbeatClass::Application, 71)),
        (none, beat(HeartbeatClass::Work, 72)),
        (none, Event::Funding { id: id(73), amount: Money(i128::MIN), ccy: 74, t_venue: 75 }),
        (
            none,
            Event::Flow { id: id(76), amount: Money(i128::MAX), ccy: 77, kind: FlowKind::Fee, t_venue: 78 },
        ),
        (none, feedback(200, FeedbackForm::Used, 0, 0, 0)),
        (none, feedback(429, FeedbackForm::Remaining, 81, 82, 83)),
        (none, Event::Gauge { gauge: 84, value: i64::MIN, samples: 85, t_venue: 86 }),
        (
            none,
            Event::Trigger {
                source: 87,
                severity: Severity::Crit,
                reason: Reason::Drill as u32,
                ttl: 88,
                reference: 89,
                t_venue: 90,
            },
        ),
        (sell, Event::FillBust { order: 91, exec: 92, px: Ticks(93), qty: Lots(94), fee: 95 }),
    ]
}
