//! The configuration that the table is about: an account for each limit or halt, so that none gets in another's way.

use std::fmt::Write as _;
use std::path::Path;

/// Opening cash of every book.
const CAPITAL: i64 = 100_000;

/// What one account and its book have that the others have not; the name says which denial is provoked there.
struct Account {
    name: &'static str,
    venue: &'static str,
    account: &'static str,
    book: &'static str,
    drawdown: &'static str,
}

const fn account(name: &'static str) -> Account {
    Account { name, venue: "test", account: "", book: "", drawdown: "" }
}

/// Trailing, 15 %, latches with the first mark.
const KILL: &str =
    "anchor = \"trailing\"\nlimit = \"15%\"\nconfirm_marks = 1\nconfirm_for = \"0s\"\njump = \"none\"\n";

/// The accounts of `desk`, which says nothing for hours without being missed.
const DESK: &[Account] = &[
    Account {
        book: "max_position = \"150\"\nmax_order_qty = \"100\"\nmax_order_notional = \"10500\"\n",
        ..account("caps")
    },
    account("plain"),
    Account { account: "self_cross = \"deny\"\n", ..account("crossing") },
    Account { account: "max_gross = \"1000\"\n", ..account("gross") },
    Account { account: "max_net = \"1000\"\n", ..account("net") },
    Account { book: "max_open_orders = 1\n", ..account("open") },
    Account { account: "max_orders_per_day = 1\n", ..account("day") },
    Account { account: "max_executions = 1\n", ..account("repeats") },
    Account {
        drawdown: "anchor = \"trailing\"\nlimit = \"20%\"\nwarn = 50\nscale = \"50%\"\njump = \"none\"\n",
        ..account("narrow")
    },
    Account { venue: "slow", ..account("slow") },
    Account { venue: "late", ..account("late") },
    Account { venue: "full", ..account("full") },
    Account { venue: "banned", ..account("banned") },
    account("drawdown"),
    Account {
        drawdown: "anchor = \"trailing\"\nlimit = \"15%\"\nconfirm_marks = 100\njump = \"none\"\nuntrusted_for = \"1s\"\n",
        ..account("untrusted")
    },
    account("margin"),
    account("flow"),
    account("auth"),
    account("liquidation"),
    Account {
        book: "[strategy.book.breaker]\nconsecutive = 1\ncooldown = \"1s\"\nhalf_open = { probes = 1, max_wait = \"60s\" }\n",
        ..account("probing")
    },
    Account { venue: "down", ..account("down") },
    account("unknown"),
    account("operator"),
    account("balance"),
    account("free"),
    Account { account: "arming = \"reconciled\"\n", ..account("reconciling") },
    account("gap"),
    account("position"),
    account("cash"),
    account("overfill"),
    Account { book: "equity_source = \"published\"\n", ..account("unarmed") },
    account("epoch"),
];

/// Strategies that come to harm themselves, each with an account of its own.
const OTHERS: &[(&str, &str, Account)] = &[
    (
        "repeater",
        "heartbeat = \"1h\"\nduplicates = { deny = 2, trip = 3, window = \"1h\", cooldown = \"1s\" }\n",
        account("repeated"),
    ),
    ("silent", "heartbeat = \"250ms\"\nrecover_for = \"1h\"\n", account("silence")),
    ("broken", "heartbeat = \"1h\"\n", account("corrupt")),
    ("dying", "heartbeat = \"1h\"\n", account("dead")),
    ("watcher", "heartbeat = \"1h\"\n", account("main")),
];

/// Instruments, and what is theirs; each is priced 1 and counted 1, without band or collar unless it says otherwise.
const INSTRUMENTS: &[(&str, &str)] = &[
    (
        "FINE",
        "tick = \"5\"\nlot = \"2\"\nmin_qty = \"4\"\nmin_notional = \"400\"\ncollar_bps = 1000\ncollar_accumulated_bps = \"none\"\n",
    ),
    ("DRIFT", "collar_bps = 1000\ncollar_accumulated_bps = 1500\n"),
    ("BAND", "band_bps = 300\ncollar_bps = \"none\"\n"),
    ("OLD", "mark_age = \"1ms\"\ncollar_bps = \"none\"\n"),
    ("FADING", "mark_age = \"100ms\"\ncollar_bps = \"none\"\n"),
    ("BLANK", "collar_bps = 1000\n"),
    ("SHUT", "restricted = true\ncollar_bps = \"none\"\n"),
    ("X", "collar_bps = \"none\"\n"),
    ("ROUTED", "collar_bps = \"none\"\n"),
    ("LOSER", "collar_bps = \"none\"\n"),
    ("FALLING", "collar_bps = \"none\"\n"),
    ("BORROWED", "collar_bps = \"none\"\n"),
];

const VENUES: &str = r#"
[[bucket]]
id = 1
name = "narrow.orders"
scope = "account:narrow"
kind = "sliding_log"
limit = 4
window = "1h"
start = "empty"
[[bucket]]
id = 2
name = "slow.orders"
scope = "account:slow"
kind = "sliding_log"
limit = 1
window = "1h"
start = "empty"
costs = { cancel = 0 }
[[bucket]]
id = 3
name = "late.orders"
scope = "account:late"
kind = "sliding_log"
limit = 1
window = "1h"
start = "empty"
[[bucket]]
id = 4
name = "full.orders"
scope = "account:full"
kind = "sliding_log"
limit = 1
window = "1h"
start = "empty"
[[bucket]]
id = 5
name = "banned.orders"
scope = "account:banned"
kind = "sliding_log"
limit = 10
window = "1h"
start = "empty"
[[venue]]
name = "test"
[[venue]]
name = "slow"
ttl_new = "60s"
[[venue]]
name = "late"
ttl_new = "20ms"
[[venue]]
name = "full"
queue_capacity = 1
ttl_new = "60s"
[[venue]]
name = "banned"
[[drawdown]]
name = "margin"
scope = "book:desk/margin"
basis = "margin"
limit = "50%"
confirm_marks = 1
confirm_for = "0s"
"#;

/// The file of the desk.
pub(crate) fn toml(runtime_dir: &Path) -> String {
    let mut text = head(runtime_dir, 4_096);
    for of in DESK.iter().chain(OTHERS.iter().map(|(_, _, of)| of)) {
        let _infallible = write!(
            text,
            "[[account]]\nname = \"{}\"\nvenue = \"{}\"\ncurrency = \"USD\"\nvenue_codes = \"none\"\n{}",
            of.name, of.venue, of.account
        );
        let guard = if of.drawdown.is_empty() { KILL } else { of.drawdown };
        let _infallible =
            write!(text, "[[drawdown]]\nname = \"dd.{0}\"\nscope = \"account:{0}\"\n{guard}", of.name);
    }
    for (name, own) in INSTRUMENTS {
        text += &instrument(name, own);
    }
    text += &strategy("desk", "heartbeat = \"1h\"\nduplicates = \"off\"\n");
    for of in DESK {
        text += &book(of);
    }
    for (name, keys, of) in OTHERS {
        text += &strategy(name, keys);
        text += &book(of);
    }
    text + VENUES
}

/// One account and one book, with room for 16 orders.
pub(crate) fn small(runtime_dir: &Path, max_order_qty: &str) -> String {
    let mut text = head(runtime_dir, 16);
    text += "[[account]]\nname = \"main\"\nvenue = \"test\"\ncurrency = \"USD\"\nvenue_codes = \"none\"\n";
    text += &format!("[[drawdown]]\nname = \"kill\"\nscope = \"account:main\"\n{KILL}");
    text += &instrument("X", "collar_bps = \"none\"\n");
    text += &strategy("desk", "heartbeat = \"1h\"\nduplicates = \"off\"\n");
    let of = account("main");
    text + &book(&of)
        .replace("max_order_qty = \"unlimited\"", &format!("max_order_qty = \"{max_order_qty}\""))
}

fn head(runtime_dir: &Path, orders: u32) -> String {
    format!(
        r#"schema = 1
[instance]
name = "test"
mode = "live"
runtime_dir = "{dir}"
[core]
cpu = "none"
idle = "backoff"
lease = "250ms"
standby = false
[http]
listen = "none"
[permit]
validity = "100ms"
[capacity]
lanes = 8
lane_slots = 64
return_slots = 64
positions = 64
orders = {orders}
executions = 4096
"#,
        dir = runtime_dir.display()
    )
}

fn instrument(name: &str, own: &str) -> String {
    let mut text = format!(
        "[[instrument]]\nname = \"{name}\"\nkind = \"linear\"\nprice_decimals = 0\nqty_decimals = 0\nsettlement = \"USD\"\n{own}"
    );
    for (key, usual) in [("band_bps", "band_bps = \"none\"\n"), ("mark_age", "mark_age = \"1h\"\n")] {
        if !own.contains(key) {
            text += usual;
        }
    }
    text
}

fn strategy(name: &str, keys: &str) -> String {
    format!("[[strategy]]\nname = \"{name}\"\n{keys}")
}

fn book(of: &Account) -> String {
    let mut text = format!(
        "[[strategy.book]]\naccount = \"{}\"\ncapital = \"{CAPITAL}\"\nunknown_fee_bps = 0\n",
        of.name
    );
    for key in ["max_position", "max_order_qty", "max_order_notional"] {
        if !of.book.contains(key) {
            let _infallible = writeln!(text, "{key} = \"unlimited\"");
        }
    }
    // A breaker is a table, so the book's own keys come last.
    text + of.book
}
