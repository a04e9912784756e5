//! COLD: the parts of `tripline demo`: where prices come from and how the run is shown.
//!
//! ```text
//!   csv::read(file) ──┐
//!                     ├─> Tape ──> (sidecar and strategy processes) ──> Frame, Trip, Summary ──> Screen
//!   synthetic::tape() ┘                                                       └─> one JSON record each
//! ```
//! Nothing here decides anything: equity, peak and trips are the sidecar's, copied into a [`screen::Frame`] or a
//! [`report::Trip`]. Prices stay the integers that were written in the file; no float is involved anywhere.

pub mod acts;
pub mod csv;
mod digits;
pub mod report;
pub mod screen;
pub mod synthetic;
pub mod tape;

use std::path::Path;

/// The price path of a run: that of `file`, else the built-in one.
///
/// # Errors
/// [`csv::TapeError`] names the place in the file.
pub fn load(file: Option<&Path>) -> Result<tape::Tape, csv::TapeError> {
    file.map_or_else(|| Ok(synthetic::tape()), csv::read)
}
