//! COLD: the panel as lines of text. Pure: what is shown follows from the frame and the width alone.

use super::{Backlog, Frame, Gauge};
use crate::control::demo::report::{data_time, drawdown_bps, latency, percent, source};
use crate::model::TradingState;

/// Cells of a headroom bar.
const BAR_CELLS: u64 = 20;
/// Characters a guard's name may take before the bar.
const NAME_CELLS: usize = 16;
/// Levels of the sparkline, lowest first.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How a piece of text is meant to look; without colour nothing is lost but looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Dim,
    Good,
    Warn,
    Bad,
}

/// One line: pieces of text and their looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<(Paint, String)>);

impl Line {
    fn with(mut self, paint: Paint, text: impl Into<String>) -> Self {
        self.0.push((paint, text.into()));
        self
    }

    /// At most `width` characters; control characters, which a file name may contain, become question marks.
    pub(super) fn text(&self, width: usize, color: bool) -> String {
        let mut text = String::new();
        let mut room = width;
        for (paint, piece) in &self.0 {
            let shown: String =
                piece.chars().take(room).map(|c| if c.is_control() { '?' } else { c }).collect();
            room -= shown.chars().count();
            match paint.code() {
                Some(code) if color && !shown.is_empty() => {
                    text.push_str(&format!("\x1b[{code}m{shown}\x1b[0m"));
                }
                _ => text.push_str(&shown),
            }
        }
        text
    }
}

impl Paint {
    fn code(self) -> Option<u8> {
        match self {
            Self::Plain => None,
            Self::Dim => Some(2),
            Self::Good => Some(32),
            Self::Warn => Some(33),
            Self::Bad => Some(31),
        }
    }
}

/// The prices so far, one column of the line per share of the tape.
#[derive(Debug)]
pub(super) struct Sparkline {
    columns: usize,
    prices: Vec<i128>,
}

impl Sparkline {
    pub(super) fn new(columns: usize) -> Self {
        Self { columns, prices: Vec::with_capacity(columns) }
    }

    /// Takes the price of point `point` (from 1) of `points`. A column shows its last price.
    pub(super) fn push(&mut self, point: u64, points: u64, price: i128) {
        let past = u128::from(point.clamp(1, points.max(1)) - 1) * self.columns as u128;
        let column = (past / u128::from(points.max(1))) as usize;
        let carried = self.prices.last().copied().unwrap_or(price);
        self.prices.resize(self.prices.len().max(column), carried);
        self.prices.truncate(column);
        self.prices.push(price);
    }

    fn text(&self) -> String {
        let low = self.prices.iter().min().copied().unwrap_or(0);
        let span = self.prices.iter().max().map_or(0, |high| high.saturating_sub(low)).max(1);
        self.prices
            .iter()
            .map(|price| LEVELS[(price.saturating_sub(low).saturating_mul(7) / span).clamp(0, 7) as usize])
            .collect()
    }
}

/// The whole panel.
pub(super) fn lines(frame: &Frame<'_>, sparkline: &Sparkline) -> Vec<Line> {
    let drawdown = drawdown_bps(frame.peak, frame.equity);
    let looks = if frame.synthetic { Paint::Warn } else { Paint::Plain };
    let head = Line::default()
        .with(Paint::Plain, "tripline demo   prices: ")
        .with(looks, source(frame.source, frame.synthetic))
        .with(Paint::Dim, format!("   point {}/{}", frame.point, frame.points));
    let numbers = Line::default().with(Paint::Dim, data_time(frame.at_utc_ns)).with(
        Paint::Plain,
        format!(
            "   mark {:<12} equity {:<14} peak {}",
            frame.mark.to_string(),
            frame.equity.to_string(),
            frame.peak
        ),
    );
    let mut lines = vec![head, numbers];
    lines.extend(frame.guards.iter().map(|gauge| gauge_line(gauge, drawdown)));
    lines.push(
        Line::default()
            .with(Paint::Plain, "gate ")
            .with(gate_looks(frame.state), format!("{:<12}", frame.state))
            .with(Paint::Plain, format!("event -> halt {}", latency(frame.event_to_halt_ns))),
    );
    lines.push(Line::default().with(Paint::Plain, sparkline.text()));
    lines
}

/// The panel of a burst: how much of it still waits.
pub(super) fn backlog(backlog: &Backlog) -> Vec<Line> {
    let Backlog { asked, decided, waiting } = *backlog;
    let cells = waiting.saturating_mul(BAR_CELLS).div_ceil(asked.max(1)).min(BAR_CELLS);
    let bar = "█".repeat(cells as usize) + &"░".repeat((BAR_CELLS - cells) as usize);
    let head = Line::default().with(Paint::Plain, format!("tripline demo   order burst: {asked} requests"));
    let queue = Line::default()
        .with(Paint::Plain, format!("{:<NAME_CELLS$} ", "queue"))
        .with(if waiting == 0 { Paint::Good } else { Paint::Warn }, bar)
        .with(Paint::Plain, format!(" {waiting:>3} waiting, {decided:>3} decided"));
    vec![head, queue]
}

/// One guard: how much of its limit is used.
fn gauge_line(gauge: &Gauge<'_>, drawdown: Option<u64>) -> Line {
    let limit = u64::from(gauge.limit.0);
    // Without a positive peak no percentage exists, and the guard is out of headroom.
    let used = drawdown.map_or(BAR_CELLS, |bps| bps.saturating_mul(BAR_CELLS) / limit.max(1)).min(BAR_CELLS);
    let looks = match used {
        _ if gauge.tripped => Paint::Bad,
        0..15 => Paint::Good,
        _ => Paint::Warn,
    };
    let bar = "█".repeat(used as usize) + &"░".repeat((BAR_CELLS - used) as usize);
    let name: String = gauge.name.chars().take(NAME_CELLS).collect();
    let line = Line::default()
        .with(Paint::Plain, format!("{name:<NAME_CELLS$} "))
        .with(looks, bar)
        .with(Paint::Plain, format!(" {:>8} of {:>8}", percent(drawdown), gauge.limit.to_string()));
    if gauge.tripped { line.with(Paint::Bad, "  TRIPPED") } else { line }
}

fn gate_looks(state: TradingState) -> Paint {
    match state {
        TradingState::Active => Paint::Good,
        TradingState::ReduceOnly => Paint::Warn,
        TradingState::Halted => Paint::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_the_width_and_keeps_control_characters_out() {
        let line = Line::default().with(Paint::Bad, "ab\x1b[2J").with(Paint::Plain, "cdef");
        assert_eq!(line.text(80, false), "ab?[2Jcdef");
        assert_eq!(line.text(7, false), "ab?[2Jc");
        assert_eq!(line.text(3, true), "\x1b[31mab?\x1b[0m");
    }

    #[test]
    fn the_sparkline_fills_from_the_left_over_the_whole_tape() {
        let mut line = Sparkline::new(4);
        for (point, price) in [(1, 10), (2, 17), (3, 13), (8, 10)] {
            line.push(point, 8, price);
        }
        assert_eq!(line.text(), "█▄▄▁");
    }

    #[test]
    fn the_sparkline_stretches_a_short_tape_and_takes_extremes() {
        let mut line = Sparkline::new(6);
        line.push(1, 2, i128::from(i64::MIN));
        line.push(2, 2, i128::from(i64::MAX));
        assert_eq!(line.text(), "▁▁▁█");
        let mut flat = Sparkline::new(3);
        flat.push(1, 1, 5);
        assert_eq!(flat.text(), "▁");
        flat.push(9, 0, 5);
        assert_eq!(flat.text(), "▁");
    }
}
