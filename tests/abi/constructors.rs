//! COLD: what the header's inline constructors build decodes to the event they name.

use std::process::Command;

use tripline::model::event::{
    DirectiveStatus, DoneStatus, FillCause, Initiator, Intent, OrderAction, OrderId, OrderType, RejectClass,
    TimeInForce,
};
use tripline::model::{Event, Flags, Handle, Lots, Message, OrderAttrs, Ticks};
use tripline::wire::record::{decode, encode};

use super::header::functions;
use super::toolchain::{Language, Scratch, at, compile, read, succeed};

const SOURCE: &str = "tests/abi/constructors.c";

/// The handle that the C program uses.
const HANDLE: Handle = Handle(0x0102_0304);

fn order(id: u64) -> OrderId {
    OrderId::new(id).expect("not zero")
}

/// What each line of the program's output must decode to.
fn expected() -> Vec<(&'static str, Flags, Event)> {
    let attrs = |order_type, tif, intent| OrderAttrs { order_type, tif, intent, directive: 0 };
    let limit = attrs(OrderType::Limit, TimeInForce::Gtc, Intent::Open);
    let peg = attrs(OrderType::Peg, TimeInForce::Gtd, Intent::Exit);
    let new =
        |order, px, qty, attrs| Event::OrderNew { order, px, qty, attrs, group: 0, leg: 0, list_count: 0 };
    let mark = |px, sequence| Event::Mark {
        mark: Some(Ticks(px)),
        index: None,
        last: None,
        underlying: None,
        sequence,
    };
    let fill_ext = |exec_high, cum_qty, t_venue, fee_ccy, cause| Event::FillExt {
        exec_high,
        cum_qty: Lots(cum_qty),
        t_venue,
        fee_ccy,
        cause,
        venue_order: exec_high,
    };
    let acknowledged = |status, remaining, detail| Event::DirectiveAck {
        directive: u64::MAX,
        status,
        remaining: Lots(remaining),
        detail,
    };
    let all = Flags::SELL | Flags::LEG_SHORT | Flags::VENUE_REDUCE_ONLY | Flags::PAPER | Flags::MAKER;
    vec![
        ("order_new", Flags::empty(), new(order(1), Ticks(100), Lots(2), limit)),
        ("order_new", all, new(order(u64::MAX), Ticks(i64::MIN), Lots(i64::MAX), peg)),
        ("order_cancel", Flags::empty(), Event::OrderCancel { order: order(5), attrs: peg }),
        (
            "order_ack",
            Flags::empty(),
            Event::OrderAck {
                order: order(6),
                venue_key: u64::MAX,
                px: Ticks(-7),
                live_qty: Lots(8),
                t_venue: -9,
            },
        ),
        (
            "order_done",
            Flags::empty(),
            Event::OrderDone {
                order: order(10),
                status: DoneStatus::RejectedLate,
                initiator: Initiator::Liquidation,
                cum_qty: Lots(11),
                t_venue: 12,
            },
        ),
        (
            "fill",
            Flags::SELL | Flags::MAKER,
            Event::Fill { order: 0, exec: 13, px: Ticks(-14), qty: Lots(15), fee: i64::MIN },
        ),
        (
            "fill",
            Flags::empty(),
            Event::Fill { order: 16, exec: u64::MAX, px: Ticks(i64::MAX), qty: Lots(17), fee: -18 },
        ),
        ("fill", Flags::MORE, Event::Fill { order: 16, exec: 20, px: Ticks(21), qty: Lots(22), fee: 23 }),
        ("fill_ext", Flags::empty(), fill_ext(0, 0, 24, 0, FillCause::Normal)),
        ("fill_ext", Flags::empty(), fill_ext(u64::MAX, i64::MAX, i64::MIN, u16::MAX, FillCause::External)),
        ("mark", Flags::from_bits_retain(1), mark(0, 1)),
        ("mark", Flags::from_bits_retain(1), mark(-19, u64::MAX)),
        ("directive_ack", Flags::empty(), acknowledged(DirectiveStatus::Received, 0, 0)),
        ("directive_ack", Flags::empty(), acknowledged(DirectiveStatus::Expired, -39, i64::MIN)),
    ]
}

/// What the lines about modifications, refusals and cancels of many must decode to.
fn expected_of_requests() -> Vec<(&'static str, Flags, Event)> {
    let attrs = |order_type, tif, intent| OrderAttrs { order_type, tif, intent, directive: 0 };
    let limit = attrs(OrderType::Limit, TimeInForce::Gtc, Intent::Open);
    let peg = attrs(OrderType::Peg, TimeInForce::Gtd, Intent::Exit);
    let all = Flags::SELL | Flags::LEG_SHORT | Flags::VENUE_REDUCE_ONLY | Flags::PAPER | Flags::MAKER;
    let modify = |order, px, qty, attrs, new_order| Event::OrderModify {
        order,
        px: Ticks(px),
        qty: Lots(qty),
        attrs,
        new_order,
    };
    let reject = |id, class, action, venue_code, cum_qty, t_venue| Event::OrderReject {
        order: order(id),
        class,
        action,
        venue_code,
        cum_qty: Lots(cum_qty),
        t_venue,
    };
    let not_sent = |id, action, cause| Event::NotSent { order: order(id), action, cause };
    let (none, duplicate) = (RejectClass::Unmapped, RejectClass::DuplicateId);
    vec![
        ("cancel_all", Flags::empty(), Event::OrderCancelAll { side: 0, increasing_only: 0, attrs: limit }),
        (
            "cancel_all",
            Flags::empty(),
            Event::OrderCancelAll { side: u8::MAX, increasing_only: 1, attrs: peg },
        ),
        ("order_modify", Flags::empty(), modify(order(30), 31, 32, limit, 0)),
        ("order_modify", all, modify(order(u64::MAX), i64::MIN, i64::MAX, peg, u64::MAX)),
        ("order_reject", Flags::empty(), reject(33, none, OrderAction::New, 0, 0, 0)),
        (
            "order_reject",
            Flags::empty(),
            reject(34, duplicate, OrderAction::Cancel, i32::MIN, i64::MAX, i64::MIN),
        ),
        ("order_reject", Flags::empty(), reject(34, RejectClass::Rate, OrderAction::Modify, -1, 35, 36)),
        ("not_sent", Flags::empty(), not_sent(37, 0, 0)),
        ("not_sent", Flags::empty(), not_sent(38, 1, u32::MAX)),
    ]
}

#[test]
fn every_inline_constructor_builds_the_event_it_names() {
    let scratch = Scratch::new("constructors");
    let program = scratch.path("constructors");
    compile(Language::C, &at(SOURCE), &program, ["-std=gnu11"]);
    let printed = succeed(&mut Command::new(program), "it was just built");
    let expected = [expected(), expected_of_requests()].concat();
    assert_eq!(printed.lines().count(), expected.len(), "{SOURCE} and its expectations differ:\n{printed}");
    for (line, (name, flags, event)) in printed.lines().zip(expected) {
        let (what, words) = line.split_once(' ').expect("a name and its words");
        assert_eq!(what, name);
        let words: Vec<u64> =
            words.split(' ').map(|word| u64::from_str_radix(word, 16).expect("a word")).collect();
        let record = [0, words[0], words[1], words[2], words[3], words[4], words[5], 0];
        let message = Message { flags, epoch: 0, handle: HANDLE, event };
        assert_eq!(decode(&record), Ok(message), "{line}");
        assert_eq!(encode(&message), record, "{line}");
    }
}

#[test]
fn every_constructor_of_the_header_is_tried() {
    let text = read(SOURCE);
    let constructors = functions().into_iter().filter(|function| function.types[0] == "tripline_event");
    let untried: Vec<String> = constructors
        .map(|function| function.name)
        .filter(|name| !text.contains(&format!("{name}(")))
        .collect();
    assert!(
        untried.is_empty(),
        "{SOURCE} does not try {untried:?}. Remedy: add it there and to its expectations"
    );
}
