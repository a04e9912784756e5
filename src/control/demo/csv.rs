//! COLD: price tapes from CSV files, plain or gzip, in the layouts that people already have.
//!
//! Rows are streamed: a file is never held as text. Compression is recognised by its first bytes and the layout by
//! the header or the shape of the first row, never by the file's name. What a row says wrongly is an error with file,
//! line, column, value and remedy; no row is skipped.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Chain, Read};
use std::path::{Path, PathBuf};

use ::csv::{ErrorKind, ReaderBuilder, StringRecord, Terminator};
use flate2::bufread::MultiGzDecoder;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::digits::{self, Price};
use super::tape::{Point, Tape};

pub use super::digits::PriceFault;
use layout::{Accepted, Column, Columns};

mod layout;

/// Where in a file a row went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// Its line, from 1.
    pub line: u64,
    /// The column, by the name its layout gives it.
    pub column: &'static str,
    /// What stands there.
    pub value: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, line {}, column {}: {:?}", self.path.display(), self.line, self.column, self.value)
    }
}

/// Why a file is not a price tape.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TapeError {
    /// The file cannot be opened.
    #[error("{}: cannot be opened ({source}); check the path given to --csv", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be read to its end.
    #[error("{}: cannot be read beyond line {line} ({source})", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The last line that was read.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A gzip file is cut off or damaged.
    #[error("{}: the gzip data ends or breaks after line {line} ({source}); fetch the file again", .path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// The last line that was read.
        line: u64,
        /// What the decoder said.
        source: io::Error,
    },
    /// A zip archive.
    #[error("{}: is a zip archive; unpack it and give the CSV file inside (gzip is read as it is)", .path.display())]
    Zip {
        /// The file.
        path: PathBuf,
    },
    /// No rows.
    #[error("{}: holds no prices; give a file with at least one row", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Columns of no accepted layout.
    #[error("{}, line {line}: columns {found:?} are not a known layout; accepted, with or without header:{Accepted}", .path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// The line that was looked at.
        line: u64,
        /// Its cells.
        found: String,
    },
    /// A row has another number of cells than the first.
    #[error("{}, line {line}: {found} columns where the {layout} layout of this file has {expected}; repair or remove the row", .path.display())]
    Cells {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// Name of the layout.
        layout: &'static str,
        /// Cells of this row.
        found: usize,
        /// Cells of the first row.
        expected: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("{}, line {line}: is not UTF-8 text; save the file as UTF-8 CSV", .path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
    },
    /// A cell is not a price.
    #[error("{place} {fault}")]
    Price {
        /// Where.
        place: Place,
        /// Why not.
        fault: PriceFault,
    },
    /// A cell is not a time.
    #[error("{place} is not a time; write YYYY-MM-DD HH:MM:SS, RFC 3339, or the epoch in s, ms, us or ns")]
    Time {
        /// Where.
        place: Place,
    },
    /// A row is earlier than the one before.
    #[error("{place} is earlier than the row before, {previous}; sort the file by time")]
    Backwards {
        /// Where.
        place: Place,
        /// Time of the row before.
        previous: Timestamp,
    },
}

/// Reads the whole tape.
///
/// The data time of a bar is its time column as it stands; its price is the close. Times without a zone are UTC.
///
/// # Errors
/// The first thing that is wrong, as [`TapeError`]; its text names the place and the remedy.
pub fn read(path: &Path) -> Result<Tape, TapeError> {
    let file = File::open(path).map_err(|source| TapeError::Open { path: path.to_owned(), source })?;
    let mut bytes = BufReader::with_capacity(1 << 16, file);
    let start =
        bytes.fill_buf().map_err(|source| TapeError::Read { path: path.to_owned(), line: 0, source })?;
    if start.starts_with(b"PK\x03\x04") {
        return Err(TapeError::Zip { path: path.to_owned() });
    }
    if start.starts_with(&[0x1f, 0x8b]) {
        return Rows::new(path, MultiGzDecoder::new(bytes), true).tape();
    }
    Rows::new(path, bytes, false).tape()
}

/// The rows of one file and what was learnt from them so far.
struct Rows<'a, R> {
    path: &'a Path,
    reader: ::csv::Reader<Chain<R, &'static [u8]>>,
    gzip: bool,
    points: Vec<Point>,
    decimals: u8,
}

impl<'a, R: Read> Rows<'a, R> {
    fn new(path: &'a Path, bytes: R, gzip: bool) -> Self {
        // Line feeds alone end a row, and the last row has one: only then do the reader's line counts mean anything.
        // The carriage return of CRLF stays in the last cell, which is trimmed.
        let bytes = bytes.chain(&b"\n"[..]);
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(bytes);
        Self { path, reader, gzip, points: Vec::new(), decimals: 0 }
    }

    fn tape(mut self) -> Result<Tape, TapeError> {
        let mut row = StringRecord::new();
        if !self.next(&mut row)? {
            return Err(TapeError::Empty { path: self.path.to_owned() });
        }
        let (columns, named) = self.columns(&row)?;
        if !named {
            self.take(&row, &columns)?;
        }
        while self.next(&mut row)? {
            self.take(&row, &columns)?;
        }
        if self.points.is_empty() {
            return Err(TapeError::Empty { path: self.path.to_owned() });
        }
        let label = self.path.display().to_string();
        Ok(Tape { label, synthetic: false, price_decimals: self.decimals, points: self.points })
    }

    /// Moves to the next row that is not blank; false at the end of the file.
    fn next(&mut self, row: &mut StringRecord) -> Result<bool, TapeError> {
        let error = loop {
            match self.reader.read_record(row) {
                Ok(true) if row.len() == 1 && cell(&row[0]).is_empty() => {}
                Ok(found) => return Ok(found),
                Err(error) => break error,
            }
        };
        let (path, line) = (self.path.to_owned(), self.line());
        match error.into_kind() {
            ErrorKind::Io(source) if self.gzip => Err(TapeError::Gzip { path, line, source }),
            ErrorKind::Io(source) => Err(TapeError::Read { path, line, source }),
            _ => Err(TapeError::Text { path, line: self.line() }),
        }
    }

    /// Line of the row just read. Counted from where it ended: the reader notes the start before it skips blank lines.
    fn line(&self) -> u64 {
        self.reader.position().line() - 1
    }

    /// The columns of this file, and whether `first` names them rather than being the first row.
    fn columns(&self, first: &StringRecord) -> Result<(Columns, bool), TapeError> {
        let cells: Vec<&str> = first.iter().map(cell).collect();
        let named = layout::is_header(&cells);
        let columns = if named { layout::from_header(&cells) } else { layout::from_shape(&cells) };
        let line = self.line();
        let layout = || TapeError::Layout { path: self.path.to_owned(), line, found: cells.join(",") };
        Ok((columns.ok_or_else(layout)?, named))
    }

    fn take(&mut self, row: &StringRecord, columns: &Columns) -> Result<(), TapeError> {
        if row.len() != columns.count {
            return Err(TapeError::Cells {
                path: self.path.to_owned(),
                line: self.line(),
                layout: columns.layout.name,
                found: row.len(),
                expected: columns.count,
            });
        }
        let at_utc_ns = self.time(row, columns.time)?;
        let mut px = 0;
        for &column in &columns.prices {
            px = self.price(row, column)?;
        }
        self.points.push(Point { at_utc_ns, px });
        Ok(())
    }

    fn place(&self, row: &StringRecord, column: Column) -> Place {
        let value = row.get(column.index).map(cell).unwrap_or_default().to_owned();
        Place { path: self.path.to_owned(), line: self.line(), column: column.name, value }
    }

    fn time(&self, row: &StringRecord, column: Column) -> Result<i64, TapeError> {
        let text = row.get(column.index).map(cell).unwrap_or_default();
        let at = utc_ns(text).ok_or_else(|| TapeError::Time { place: self.place(row, column) })?;
        match self.points.last() {
            Some(last) if at < last.at_utc_ns => Err(TapeError::Backwards {
                place: self.place(row, column),
                previous: Timestamp::from_nanosecond(i128::from(last.at_utc_ns)).unwrap_or_default(),
            }),
            _ => Ok(at),
        }
    }

    /// The price in the decimals of the file so far; a finer price first makes every earlier one finer.
    fn price(&mut self, row: &StringRecord, column: Column) -> Result<i64, TapeError> {
        let text = row.get(column.index).map(cell).unwrap_or_default();
        let units = digits::price(text).and_then(|price| self.fit(price));
        units.map_err(|fault| TapeError::Price { place: self.place(row, column), fault })
    }

    fn fit(&mut self, price: Price) -> Result<i64, PriceFault> {
        if price.decimals > self.decimals {
            let factor = 10_i64.pow(u32::from(price.decimals - self.decimals));
            for point in &mut self.points {
                point.px = point.px.checked_mul(factor).ok_or(PriceFault::TooLarge)?;
            }
            self.decimals = price.decimals;
        }
        let factor = 10_i64.pow(u32::from(self.decimals - price.decimals));
        price.units.checked_mul(factor).ok_or(PriceFault::TooLarge)
    }
}

/// A cell without surrounding blanks and without the byte order mark some spreadsheets put first.
fn cell(text: &str) -> &str {
    text.trim_start_matches('\u{feff}').trim()
}

/// Nanoseconds since the epoch, or `None` for what is not a time.
fn utc_ns(text: &str) -> Option<i64> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return epoch_ns(text.parse().ok()?);
    }
    let timestamp = match text.parse::<Timestamp>() {
        Ok(timestamp) => timestamp,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    i64::try_from(timestamp.as_nanosecond()).ok()
}

/// An epoch by its magnitude: seconds until the year 5138, then milliseconds, microseconds, nanoseconds. Each range
/// starts in 1973 in its own unit, before which no exchange published trades.
fn epoch_ns(epoch: i64) -> Option<i64> {
    let factor = match epoch {
        ..=0 => return None,
        1..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    epoch.checked_mul(factor)
}

#[cfg(test)]
mod tests;
