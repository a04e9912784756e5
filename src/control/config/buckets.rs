//! COLD: rate buckets: what a venue allows, and what of it is left alone.
//!
//! A bucket that could never admit an action, or admits more than its venue takes, is refused here: the engine would
//! count faithfully and be banned all the same.

use super::market::Directory;
use super::problems::Fault;
use super::scopes::Scopes;
use super::value;
use super::walk::{Section, Value};
use crate::engine::Limits;
use crate::engine::limits::{ActionCosts, BucketKind, BucketLimits, BucketScope};
use crate::model::{Bps, Name, Nanos};

const MILLISECOND: Nanos = Nanos::from_millis(1);
/// The longest window of a venue is a day; some count by the week.
const LONGEST: Nanos = Nanos::from_secs(7 * 86_400);
/// A sliding log remembers each of them.
const LOGGED: u32 = 65_536;
/// What was sent before a start is forgotten by venues within this, or it starts half used.
const SHORT: Nanos = Nanos::from_secs(60);

/// A bucket's scope beside what was read, so that a bucket with a wrong limit still counts as one.
pub(super) type BucketRow = (Option<BucketScope>, Option<BucketLimits>);

pub(super) fn buckets(
    sections: Vec<Section<'_, '_>>,
    scopes: &Scopes<'_>,
    validity: Nanos,
) -> Vec<BucketRow> {
    Directory::read("bucket", &sections);
    ids_are_unique(&sections);
    let mut rows = Vec::new();
    for (index, section) in sections.into_iter().enumerate() {
        if index == Limits::MAX_BUCKETS {
            section.report_here(Fault::TooMany { allowed: Limits::MAX_BUCKETS });
        }
        let remedy = "say whose actions it counts, as in scope = \"venue:binance\"";
        let scope = section.required("scope", remedy, |value| scopes.charged(value));
        let bucket = bucket(&section, scope, validity);
        section.finish();
        rows.push((scope, bucket));
    }
    rows
}

fn ids_are_unique(sections: &[Section<'_, '_>]) {
    let mut ids: Vec<Option<u32>> = Vec::new();
    for section in sections {
        let remedy = "number it: RATE_FEEDBACK names it so, as in id = 1";
        let id = section.required("id", remedy, value::integer(1..=u32::MAX));
        let first = id.and_then(|id| ids.iter().position(|&other| other == Some(id)));
        if let Some(first) = first {
            section.report("id", Fault::Duplicate { first_line: sections[first].line() });
        }
        ids.push(id);
    }
}

/// The keys of all ways to count.
const EVERY_WAY: [&str; 8] =
    ["limit", "window", "interval", "burst", "venue_limit", "venue_window", "offset", "margin"];

/// How a bucket counts.
#[derive(Clone, Copy)]
enum Way {
    SlidingLog,
    Gcra,
    FixedAligned,
}

fn bucket(section: &Section<'_, '_>, scope: Option<BucketScope>, validity: Nanos) -> Option<BucketLimits> {
    let name: Option<Name> = section.peek("name", |value| value::name(value).ok());
    let id = section.peek("id", |value| value::integer(1..=u32::MAX)(value).ok());
    let ways = value::word(&[
        ("sliding_log", Way::SlidingLog),
        ("gcra", Way::Gcra),
        ("fixed_aligned", Way::FixedAligned),
    ]);
    let remedy = "write kind = \"sliding_log\", \"gcra\" or \"fixed_aligned\"";
    let way = section.required("kind", remedy, ways);
    let jitters = value::duration(Nanos::ZERO..=Nanos::from_secs(60));
    let jitter = section.or("jitter", Nanos::from_millis(200), jitters);
    let kind = match way {
        Some(Way::SlidingLog) => sliding_log(section),
        Some(Way::Gcra) => gcra(section, jitter),
        Some(Way::FixedAligned) => fixed_aligned(section, jitter),
        None => {
            // Whichever it was to be, these may be right.
            for key in EVERY_WAY {
                section.has(key);
            }
            None
        }
    };
    let is_smoothing = matches!(way, Some(Way::Gcra)) && !section.has("venue_limit");
    if !is_smoothing && validity > jitter {
        let remedy = "raise it to permit.validity or more: what was admitted may leave that much later, and the \
                      venue would count it in another window";
        section.report("jitter", Fault::Conflict { with: "permit.validity", remedy });
    }
    let costs = costs(section, kind);
    let start_pct = start(section, kind, &costs);
    Some(BucketLimits { id: id?, name: name?, scope: scope?, kind: kind?, costs, jitter, start_pct })
}

fn windows() -> impl Fn(&Value<'_>) -> Result<Nanos, Fault> {
    value::duration(MILLISECOND..=LONGEST)
}

const LIMIT: &str = "how much the venue allows in one window, as in limit = 300";
const WINDOW: &str = "the length of the venue's window, as in window = \"10s\"";

fn sliding_log(section: &Section<'_, '_>) -> Option<BucketKind> {
    let limit = section.required("limit", LIMIT, value::integer(1..=LOGGED));
    let window = section.required("window", WINDOW, windows());
    Some(BucketKind::SlidingLog { limit: limit?, window: window? })
}

fn fixed_aligned(section: &Section<'_, '_>, jitter: Nanos) -> Option<BucketKind> {
    let limit = section.required("limit", LIMIT, value::integer(1..=u32::MAX));
    let window = section.required("window", WINDOW, windows());
    let last = Nanos(window.unwrap_or(LONGEST).0 - 1);
    let offset = section.or("offset", Nanos::ZERO, value::duration(Nanos::ZERO..=last));
    let margin = section.or("margin", Bps(500), value::ratio(0..=9_999));
    if let Some(Nanos(window)) = window
        && jitter.0 >= window / 2
    {
        let half = value::duration_text(Nanos(window / 2));
        let allowed =
            format!("less than {half}, half the window: every action would be charged to two windows");
        section.report("jitter", Fault::OutOfRange { allowed });
    }
    Some(BucketKind::FixedAligned { limit: limit?, window: window?, offset, margin })
}

fn gcra(section: &Section<'_, '_>, jitter: Nanos) -> Option<BucketKind> {
    let remedy = "the time one unit takes to come back, as in interval = \"50ms\"";
    let intervals = value::duration(Nanos(1_000)..=Nanos::from_secs(86_400));
    let interval = section.required("interval", remedy, intervals);
    let remedy = "how much may be used at once, as in burst = 10";
    let burst = section.required("burst", remedy, value::integer(1..=LOGGED));
    let allows = section.optional("venue_limit", value::integer(1..=u32::MAX));
    let within = section.optional("venue_window", windows());
    match (section.has("venue_limit"), section.has("venue_window")) {
        (true, false) => {
            section
                .report("venue_window", Fault::Missing { remedy: "say within how long venue_limit holds" });
        }
        (false, true) => {
            section.report("venue_limit", Fault::Missing { remedy: "say how much venue_window allows" });
        }
        (false, false) => {
            section.note("venue_limit", "smooths only: nobody compared it with what the venue allows")
        }
        (true, true) => {}
    }
    let (interval, burst) = (interval?, burst?);
    if let (Some(allows), Some(within)) = (allows, within) {
        fits_the_venue(section, Nanos(within.0 + jitter.0), allows, interval, burst);
    }
    Some(BucketKind::Gcra { interval, burst })
}

/// In a window of `span` pass at most `burst` and what comes back meanwhile.
fn fits_the_venue(section: &Section<'_, '_>, span: Nanos, allows: u32, interval: Nanos, burst: u32) {
    let returned = span.0.div_ceil(interval.0);
    let reached = u64::from(burst).saturating_add(returned);
    if reached <= u64::from(allows) {
        return;
    }
    let by_burst = u64::from(allows).saturating_sub(returned);
    let by_interval = u64::from(allows).saturating_sub(u64::from(burst));
    let mut ways = Vec::new();
    if by_burst > 0 {
        ways.push(format!("burst up to {by_burst}"));
    }
    if by_interval > 0 {
        let interval = value::duration_text(Nanos(span.0.div_ceil(by_interval)));
        ways.push(format!("interval from {interval}"));
    }
    if ways.is_empty() {
        ways.push(format!("burst below {allows}, with a longer interval"));
    }
    let reached = format!("{reached} in venue_window and jitter");
    section.report("burst", Fault::ExceedsVenue { reached, allowed: ways.join(", or ") });
}

/// What an action may cost at most, so that it can be admitted once everything else is quiet. A fifth is kept for
/// exits, cancels and reducing orders, a twentieth of all for exits alone.
fn most(kind: BucketKind) -> (u16, u16) {
    let limit = match kind {
        BucketKind::SlidingLog { limit, .. } => u64::from(limit),
        BucketKind::Gcra { burst, .. } => u64::from(burst),
        BucketKind::FixedAligned { limit, margin, .. } => {
            u64::from(limit) - (u64::from(limit) * u64::from(margin.0)).div_ceil(10_000)
        }
    };
    let (fifth, twentieth) = if limit >= 5 { (limit / 5, (limit / 20).max(1)) } else { (0, 0) };
    let narrow = |units: u64| u16::try_from(units).unwrap_or(u16::MAX);
    (narrow(limit - fifth), narrow(limit - twentieth))
}

fn costs(section: &Section<'_, '_>, kind: Option<BucketKind>) -> ActionCosts {
    let table = section.table("costs");
    let (most_risk, most_cancel) = kind.map_or((u16::MAX, u16::MAX), most);
    if most_risk == 0 {
        section.report(
            "margin",
            Fault::OutOfRange { allowed: "a share that leaves something to use".to_owned() },
        );
    }
    let default = ActionCosts::default();
    let cost = |key, default, most: u16| table.or(key, default, value::integer(0..=most.max(1)));
    let costs = ActionCosts {
        new: cost("new", default.new, most_risk),
        modify: cost("modify", default.modify, most_risk),
        cancel: cost("cancel", default.cancel, most_cancel),
    };
    table.finish();
    if costs == (ActionCosts { new: 0, modify: 0, cancel: 0 }) {
        let remedy = "give an action a cost, or remove the bucket";
        section
            .report("costs", Fault::Conflict { with: "the purpose of a bucket: nothing is charged", remedy });
    }
    costs
}

/// How much counts as used at the start.
fn start(section: &Section<'_, '_>, kind: Option<BucketKind>, costs: &ActionCosts) -> u8 {
    let window = match kind {
        Some(BucketKind::SlidingLog { window, .. } | BucketKind::FixedAligned { window, .. }) => window,
        Some(BucketKind::Gcra { interval, burst }) => Nanos(interval.0.saturating_mul(u64::from(burst))),
        None => SHORT,
    };
    let default = if window <= SHORT { 100 } else { 50 };
    let start_pct = section.or("start", default, share_used);
    if kind.is_some() && (!section.has("start") || start_pct < default) {
        let text = match start_pct {
            100 if costs.new == 0 => "starts full: what was sent before the start is not known",
            100 => {
                "starts full: what was sent before the start is not known, so new orders wait for it to pass"
            }
            50 if default == 50 => "starts half used: what was sent before the start is not known",
            _ => "what was sent before the start is not counted in full",
        };
        section.note("start", text);
    }
    start_pct
}

fn share_used(value: &Value<'_>) -> Result<u8, Fault> {
    const WORDS: &[(&str, u8)] = &[("full", 100), ("half", 50), ("empty", 0)];
    let typed = value.as_str().unwrap_or_default();
    if typed.trim_end().ends_with('%') {
        return value::percent(value);
    }
    value::word(WORDS)(value).map_err(|fault| match fault {
        Fault::UnknownWord { nearest, allowed } => {
            Fault::UnknownWord { nearest, allowed: format!("{allowed}, or a percentage such as \"30%\"") }
        }
        other => other,
    })
}

/// Whether a bucket paces every order of an account.
pub(super) fn paces(rows: &[BucketRow], account: u16, venue: Option<u16>) -> bool {
    rows.iter().any(|(scope, _)| match *scope {
        Some(BucketScope::Account(charged)) => charged == account,
        Some(BucketScope::Venue(charged)) => Some(charged) == venue,
        _ => false,
    })
}
