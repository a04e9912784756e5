//! COLD: the parts of `tripline demo`: where prices come from and how the run is shown.
//!
//! ```text
//!   csv::read(file) ──┐
//!                     ├─> Tape ──> (sidecar and strategy processes) ──> Frame, Trip, Summary ──> Screen
//!   synthetic::tape() ┘                                                       └─> one JSON record each
//! ```
//! Nothing here decides anything: equity, peak and trips are the sidecar's, copied into a [`screen::Frame`] or a
//! [`report::Trip`]. Prices stay the integers that were written in the file; no float is involved anywhere.

pub mod csv;
mod digits;
pub mod report;
pub mod screen;
pub mod synthetic;
pub mod tape;
