//! COLD: the demonstration on a terminal: a panel of a few lines redrawn in place, or plain lines elsewhere.
//!
//! Drawing is bounded to twenty times a second by the time the caller passes in; there is no clock here. While the
//! panel stands, the cursor is hidden and its lines do not wrap; both are restored by [`Screen::finish`] and on drop, so
//! also when the caller panics.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crossterm::cursor::{Hide, MoveToPreviousLine, Show};
use crossterm::queue;
use crossterm::terminal::{Clear, ClearType, DisableLineWrap, EnableLineWrap};

pub use super::report::{Decimal, Summary, Trip};
use super::report::{data_time, drawdown_bps, percent, source};
use crate::model::{Bps, Money, TradingState};
use panel::Sparkline;

mod panel;

/// Shortest time between two drawings.
const REDRAW: Duration = Duration::from_millis(50);
/// Lines a whole tape takes when every point would be too much.
const PLAIN_LINES: u64 = 20;
/// Longest sparkline; wider terminals leave the rest blank.
const SPARK_COLUMNS: u16 = 120;

/// How to show the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A panel redrawn in place.
    Live,
    /// Lines, for pipes, logs and terminals that cannot move the cursor.
    Plain,
}

/// The run at one point.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Time since any fixed start; it paces the drawing and is not shown.
    pub now: Duration,
    /// Label of the tape.
    pub source: &'a str,
    /// Whether the prices are made up.
    pub synthetic: bool,
    /// This point, from 1.
    pub point: u64,
    /// Points of the tape.
    pub points: u64,
    /// Data time: nanoseconds since the Unix epoch.
    pub at_utc_ns: i64,
    /// The price of this point. Every frame of a run has the same decimals.
    pub mark: Decimal,
    /// Equity at that mark.
    pub equity: Money,
    /// Highest equity so far.
    pub peak: Money,
    /// The gate as the strategy reads it.
    pub state: TradingState,
    /// The guards, in the order of the panel; their number does not change during a run.
    pub guards: &'a [Gauge<'a>],
    /// The latest latency from event to halt.
    pub event_to_halt_ns: Option<u64>,
}

/// One guard of the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its limit.
    pub limit: Bps,
    /// Whether it tripped.
    pub tripped: bool,
}

/// A burst of requests on its way through the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Requests made.
    pub asked: u64,
    /// Requests with a final verdict.
    pub decided: u64,
    /// Requests that wait.
    pub waiting: u64,
}

/// Shows one run on `out`.
#[derive(Debug)]
pub struct Screen<W: Write> {
    out: W,
    style: Style,
    width: u16,
    color: bool,
    sparkline: Sparkline,
    panel: Vec<String>,
    raised: bool,
    shown: Option<Shown>,
    /// When the backlog was last drawn, and with how many waiting.
    drawn: Option<(Duration, u64)>,
}

/// What the last drawing or line showed.
#[derive(Clone, Copy, Debug)]
struct Shown {
    now: Duration,
    part: u64,
    state: TradingState,
    tripped: usize,
}

impl Style {
    /// [`Style::Live`] when standard output is a terminal that can move its cursor.
    #[must_use]
    pub fn of_stdout() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if io::stdout().is_terminal() && !dumb { Self::Live } else { Self::Plain }
    }
}

impl Screen<io::Stdout> {
    /// A screen on standard output, as wide as the terminal.
    #[must_use]
    pub fn on_stdout(style: Style) -> Self {
        const WIDTH_OF_A_PIPE: u16 = 80;
        let width = match style {
            Style::Live => crossterm::terminal::size().map_or(WIDTH_OF_A_PIPE, |(columns, _)| columns),
            Style::Plain => WIDTH_OF_A_PIPE,
        };
        Self::new(io::stdout(), style, width)
    }
}

impl<W: Write> Screen<W> {
    /// A screen that has shown nothing yet. `width` is in characters; [`Style::Plain`] does not cut its lines.
    /// The panel has colours unless the environment says `NO_COLOR`.
    pub fn new(out: W, style: Style, width: u16) -> Self {
        let color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let sparkline = Sparkline::new(usize::from(width.clamp(1, SPARK_COLUMNS)));
        Self {
            out,
            style,
            width,
            color,
            sparkline,
            panel: Vec::new(),
            raised: false,
            shown: None,
            drawn: None,
        }
    }

    /// The same screen with colours as told, whatever the environment says.
    #[must_use]
    pub fn with_color(mut self, color: bool) -> Self {
        self.color = color;
        self
    }

    /// Shows the point if it is time to, and always when the gate or a guard changed and at the last point.
    ///
    /// # Errors
    /// Those of the output.
    pub fn update(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        self.sparkline.push(frame.point, frame.points, frame.mark.units);
        let next = Shown {
            now: frame.now,
            part: frame.point.saturating_mul(PLAIN_LINES) / frame.points.max(1),
            state: frame.state,
            tripped: frame.guards.iter().filter(|gauge| gauge.tripped).count(),
        };
        let first = self.shown.is_none();
        let due = self.shown.is_none_or(|shown| {
            let turned = shown.state != next.state || shown.tripped != next.tripped;
            turned || self.is_time(shown, next) || frame.point == frame.points
        });
        if !due {
            return Ok(());
        }
        self.shown = Some(next);
        match self.style {
            Style::Live => self.draw(frame),
            Style::Plain => self.line(frame, first),
        }
    }

    /// Shows a trip at once: a line of its own, above the panel.
    ///
    /// # Errors
    /// Those of the output.
    pub fn trip(&mut self, trip: &Trip) -> io::Result<()> {
        self.lower()?;
        if self.raised {
            queue!(self.out, EnableLineWrap)?;
        }
        writeln!(self.out, "{}", printable(&trip.line()))?;
        if self.raised {
            queue!(self.out, DisableLineWrap)?;
        }
        self.raise()?;
        self.out.flush()
    }

    /// Shows how a burst drains, in a panel, if it is time to, and always when the last has been let go. Lines elsewhere
    /// wait for the result.
    ///
    /// # Errors
    /// Those of the output.
    pub fn backlog(&mut self, now: Duration, backlog: &Backlog) -> io::Result<()> {
        let emptied = |before: u64| before > 0 && backlog.waiting == 0;
        let due = self.drawn.is_none_or(|(at, before)| now.saturating_sub(at) >= REDRAW || emptied(before));
        if self.style == Style::Plain || !due {
            return Ok(());
        }
        self.drawn = Some((now, backlog.waiting));
        let lines = panel::backlog(backlog);
        self.show(&lines)
    }

    /// Takes the panel away.
    ///
    /// # Errors
    /// Those of the output.
    pub fn clear(&mut self) -> io::Result<()> {
        self.lower()?;
        self.settle()
    }

    /// Leaves the panel where it is and gives the terminal back.
    ///
    /// # Errors
    /// Those of the output.
    pub fn settle(&mut self) -> io::Result<()> {
        self.panel.clear();
        self.restore()
    }

    /// Writes lines that stay, where no panel stands.
    ///
    /// # Errors
    /// Those of the output.
    pub fn tell(&mut self, lines: &[String]) -> io::Result<()> {
        for line in lines {
            writeln!(self.out, "{}", printable(line))?;
        }
        self.out.flush()
    }

    /// Shows what happened below the last panel and gives the terminal back.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.settle()?;
        self.tell(&summary.lines())
    }

    fn is_time(&self, shown: Shown, next: Shown) -> bool {
        match self.style {
            Style::Live => next.now.saturating_sub(shown.now) >= REDRAW,
            Style::Plain => shown.part != next.part,
        }
    }

    fn draw(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let lines = panel::lines(frame, &self.sparkline);
        self.show(&lines)
    }

    /// Puts a panel in the place of the one that stands.
    fn show(&mut self, lines: &[panel::Line]) -> io::Result<()> {
        self.lower()?;
        self.panel = lines.iter().map(|line| line.text(usize::from(self.width), self.color)).collect();
        self.raise()?;
        self.out.flush()
    }

    fn line(&mut self, frame: &Frame<'_>, first: bool) -> io::Result<()> {
        if first {
            let source = printable(&source(frame.source, frame.synthetic));
            writeln!(self.out, "tripline demo: prices {source}, {} points", frame.points)?;
        }
        writeln!(
            self.out,
            "{} mark {} equity {} peak {} drawdown {} gate {}",
            data_time(frame.at_utc_ns),
            frame.mark,
            frame.equity,
            frame.peak,
            percent(drawdown_bps(frame.peak, frame.equity)),
            frame.state
        )?;
        self.out.flush()
    }

    /// Takes the panel off the terminal; what is written next stands in its place.
    fn lower(&mut self) -> io::Result<()> {
        if self.raised && !self.panel.is_empty() {
            queue!(self.out, MoveToPreviousLine(self.panel.len() as u16), Clear(ClearType::FromCursorDown))?;
        }
        Ok(())
    }

    /// Writes the panel below whatever stands on the terminal.
    fn raise(&mut self) -> io::Result<()> {
        if self.panel.is_empty() {
            return Ok(());
        }
        if !self.raised {
            self.raised = true;
            queue!(self.out, Hide, DisableLineWrap)?;
        }
        for line in &self.panel {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn restore(&mut self) -> io::Result<()> {
        if self.raised {
            self.raised = false;
            queue!(self.out, EnableLineWrap, Show)?;
            self.out.flush()?;
        }
        Ok(())
    }
}

impl<W: Write> Drop for Screen<W> {
    fn drop(&mut self) {
        // The output may be what broke; there is nobody left to tell.
        let _ = self.restore();
    }
}

/// Text without control characters: names come from the command line and must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests;
