//! COLD: the one screen somebody reads at three in the morning: state, since when, why, what to type next.

mod orders;

use std::fmt::Write;
use std::path::Path;

use crate::control::report::{CauseReport, GuardReport, LaneReport, LoopReport, PositionReport, Report};
use crate::control::{clock, decimal};
use crate::model::{Nanos, Reason};
use crate::shm::shared::OPERATOR_LANE;

/// The whole screen. `directory` is where the sidecar was found, for lines to paste.
pub(super) fn render(report: &Report, directory: &Path, color: bool) -> String {
    let mut text = String::new();
    headline(&mut text, report, color);
    if let Some(why) = &report.not_ready {
        line(&mut text, "gates", &format!("read HALTED: {why}"));
    }
    for cause in &report.causes {
        let CauseReport { scope, guard, state, age, .. } = cause;
        let left = cause.left.as_ref().map_or_else(String::new, |left| format!(", cool-down {left} left"));
        let shown = format!("{}  {scope}  guard {guard}  {state} for {age}{left}", reading(cause));
        line(&mut text, "cause", &shown);
    }
    for account in &report.accounts {
        let trust = if account.trusted { "" } else { "  UNTRUSTED" };
        let shown = format!("{}  equity {} {}{trust}", account.name, account.equity, account.currency);
        line(&mut text, "account", &format!("{shown}  {}", account.state));
    }
    holdings(&mut text, report);
    for guard in &report.guards {
        line(&mut text, "guard", &headroom(guard));
    }
    // The operator's own lane sends no orders: it neither counts against the lanes strategies may have nor
    // acknowledges halts.
    let lanes: Vec<_> = report.lanes.iter().filter(|lane| lane.lane != u64::from(OPERATOR_LANE)).collect();
    orders::guards(&mut text, report);
    if let Some(looping) = &report.looping {
        loop_lines(&mut text, looping, lanes.len());
    }
    orders::flow(&mut text, report);
    lane_lines(&mut text, &lanes, report.looping.as_ref().map_or(0, |looping| looping.epoch));
    // Without a halt nobody has anything to obey.
    if report.state != "ACTIVE" && lanes.iter().any(|lane| !lane.acknowledged) {
        let shown = "NOT ACKED: has not looked at its gate since the newest change, which holds all the same";
        line(&mut text, "", shown);
    }
    if !report.degraded.is_empty() {
        line(&mut text, "degraded", &report.degraded.join(" "));
    }
    for cause in &report.causes {
        if let Some((label, command)) = way_back(cause, directory) {
            line(&mut text, label, &command);
        }
    }
    text
}

/// What is held and what still works, a line for each; nothing for a book that is flat.
fn holdings(text: &mut String, report: &Report) {
    for PositionReport { book, instrument, qty, buys, sells } in &report.positions {
        let works = |what: &str, qty: &str| match qty {
            "0" => String::new(),
            _ => format!("  {what} {qty} may fill"),
        };
        let shown =
            format!("{book}  {instrument} {qty}{}{}", works("buys of", buys), works("sells of", sells));
        line(text, "position", &shown);
    }
    for book in report.books.iter().filter(|book| book.open_orders > 0) {
        line(text, "orders", &format!("{}  {} open", book.name, book.open_orders));
    }
}

fn lane_lines(text: &mut String, lanes: &[&LaneReport], epoch: u64) {
    for lane in lanes {
        let seen = if lane.acknowledged {
            "ACK".to_owned()
        } else {
            format!("NOT ACKED (saw epoch {} of {epoch})", lane.echoed_epoch)
        };
        let lost = if lane.lost { "  LOST EVENTS" } else { "" };
        let beat = clock::age_text(Nanos(lane.last_beat_age_ns));
        let shown = format!("{} {seen}  depth {}  last beat {beat} ago{lost}", lane.strategy, lane.depth);
        line(text, "lane", &shown);
    }
}

fn line(text: &mut String, label: &str, shown: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {label:<10} {shown}");
}

fn headline(text: &mut String, report: &Report, color: bool) {
    let code = match report.state.as_str() {
        "ACTIVE" => "32",
        "REDUCE_ONLY" => "33",
        _ => "31",
    };
    let state = if color { format!("\x1b[1;{code}m{}\x1b[0m", report.state) } else { report.state.clone() };
    let _ = write!(text, "{}   {state} {}", report.instance, report.mode);
    if let (Some(since), Some(age)) = (&report.since, &report.age) {
        let _ = write!(text, " since {} UTC ({age})", time_of_day(since));
    }
    text.push('\n');
}

/// `03:12:07.412318` of an instant today is what matters; the JSON has the date.
fn time_of_day(instant: &str) -> &str {
    instant.split_once('T').map_or(instant, |(_, time)| time.get(..15).unwrap_or(time))
}

/// Why, with the value against its limit.
pub(super) fn reading(cause: &CauseReport) -> String {
    let CauseReport { reason, measured, limit, .. } = cause;
    let is_drawdown = reason.starts_with("DRAWDOWN");
    match (is_drawdown, limit.as_str()) {
        (true, _) => format!("{reason} {measured} >= {limit}"),
        (false, "0" | "0.0 us") => reason.clone(),
        (false, _) => format!("{reason} {measured}, limit {limit}"),
    }
}

fn headroom(guard: &GuardReport) -> String {
    let percent = |bps: u64| format!("{}.{:02} %", bps / 100, bps % 100);
    let mut shown = format!("{}  {}  drawdown {}", guard.name, guard.scope, percent(guard.drawdown_bps));
    if let Some(limit) = guard.limit_bps {
        let _ = write!(shown, " of {}", percent(limit));
    }
    if let Some(limit) = &guard.limit_abs {
        let _ = write!(shown, ", floor {limit} below the peak");
    }
    let _ = write!(shown, "  equity {}  peak {}", guard.equity, guard.peak);
    let marks = [
        (!guard.armed, "UNARMED"),
        (guard.warning, "WARNING"),
        (guard.soft, "SOFT"),
        (guard.latched, "LATCHED"),
    ];
    for (_, mark) in marks.iter().filter(|(holds, _)| *holds) {
        let _ = write!(shown, "  {mark}");
    }
    shown
}

fn loop_lines(text: &mut String, looping: &LoopReport, lanes: usize) {
    let age = clock::age_text(Nanos(looping.last_tick_age_ns));
    let cpu = looping.cpu.map_or_else(|| "not pinned".to_owned(), |cpu| format!("cpu {cpu}"));
    let isolated = if looping.isolated { " isolated" } else { "" };
    let standby = if looping.standby { "standby ready" } else { "no standby" };
    let shown = format!(
        "ticking {age} ago  {cpu}{isolated}  {standby}  lanes {lanes}/{}  lease {}  stalls {}",
        looping.lane_capacity,
        clock::age_text(Nanos(looping.lease_ns)),
        looping.stalls
    );
    line(text, "loop", &shown);
    if looping.journal_lag_age_ns > 500_000_000 {
        let age = clock::age_text(Nanos(looping.journal_lag_age_ns));
        line(
            text,
            "archive",
            &format!("{} entries behind, for {age}; see the disk of journal.archive", looping.journal_lag),
        );
    }
    if looping.restarts > 0 {
        let cores = if looping.restarts == 1 { "core" } else { "cores" };
        let shown = format!("{} {cores} died and went on from the journal; see the log", looping.restarts);
        line(text, "restarts", &shown);
    }
    let mut latency = String::new();
    if let (Some(median), Some(p99)) = (looping.decision_p50_ns, looping.decision_p99_ns) {
        let (median, p99) = (clock::age_text(Nanos(median)), clock::age_text(Nanos(p99)));
        let _ = write!(latency, "decision p50 {median}  p99 {p99}");
        line(text, "latency", &latency);
    }
    let LoopReport { orders, fills, marks, rejected, .. } = looping;
    let shown = format!("orders {orders}  fills {fills}  marks {marks}  refused records {rejected}");
    line(text, "events", &shown);
}

/// Whether the cool-down of a cause is over, so that a resume ends it.
pub(super) fn is_ready(cause: &CauseReport) -> bool {
    cause.latch == "cooldown" && cause.reason == Reason::ReadyToResume.as_str()
}

/// The line to paste, and what it does. A latched cause has one, and what the venue contradicts: if its word is right, this
/// makes it ours. The others end by themselves.
fn way_back(cause: &CauseReport, directory: &Path) -> Option<(&'static str, String)> {
    let CauseReport { scope, guard, .. } = cause;
    let target = match directory.to_str() {
        Some("/run/tripline") | None => String::new(),
        Some(directory) => format!(" --runtime-dir {directory}"),
    };
    match cause.latch.as_str() {
        "auto" if cause.reason == Reason::CashMismatch.as_str() => {
            let [ours, theirs] = [&cause.measured, &cause.limit].map(|text| decimal::parse_money(text).ok());
            let amount = theirs?.checked_sub(ours?)?;
            Some(("cash", format!("tripline flow {scope} --amount {amount}{target} --reason '...'")))
        }
        "auto" if cause.reason == Reason::PositionMismatch.as_str() => {
            Some(("venue", format!("tripline adopt {scope}{target} --reason '...'")))
        }
        "auto" => None,
        "cooldown" => {
            let from = match &cause.until {
                Some(until) if !is_ready(cause) => format!("from {} UTC  ", time_of_day(until)),
                _ => String::new(),
            };
            let command = format!("tripline resume {scope} --guard {guard}{target} --reason '...'");
            Some(("resume", format!("{from}{command}")))
        }
        _ => {
            let nonce = cause.nonce.as_ref()?;
            let command = format!(
                "tripline reset --scope {scope} --guard {guard} --nonce {nonce}{target} --reason '...'"
            );
            Some(("reset", command))
        }
    }
}
