//! COLD: `[journal]`: where every entry is archived, and how much of it.

use core::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::problems::Fault;
use super::value;
use super::walk::{Section, Value};
use crate::journal::archive::Settings;
use crate::journal::segments::Keep;
use crate::model::Nanos;

const MIB: u64 = 1 << 20;
/// A segment is read into memory whole.
const SEGMENTS: RangeInclusive<u64> = 64 << 10..=4_096 * MIB;
const MOST: u64 = 1 << 60;

/// The archive; `None` without a directory, and then the other keys are mistakes unless that was written out.
pub(super) fn archive(section: Section<'_, '_>, runtime_dir: &Path) -> Option<Settings> {
    let dir = section.or("archive", None, value::unless("none", |value| directory(value, runtime_dir)));
    let segment_bytes = section.or("segment", 64 * MIB, size(SEGMENTS));
    let keep = section.or("keep", Keep::All, |value| keep(value, segment_bytes));
    let lags = value::duration(Nanos::from_millis(500)..=Nanos::from_secs(60));
    let lag = section.or("lag", Nanos::from_secs(1), lags);
    if !section.has("archive") {
        for key in ["segment", "keep", "lag"].into_iter().filter(|key| section.has(key)) {
            section.report(
                key,
                Fault::Missing { remedy: "without journal.archive nothing is archived: set it too" },
            );
        }
    }
    if dir.is_none() {
        section.note(
            "archive",
            "none: a reboot is not noticed, and only the newest entries are kept, in memory",
        );
    } else if keep == Keep::All {
        section.note("archive", "it grows without bound: keep is \"all\"");
    }
    section.finish();
    Some(Settings { dir: dir?, segment_bytes, keep, lag })
}

fn directory(value: &Value<'_>, runtime_dir: &Path) -> Result<PathBuf, Fault> {
    let dir = PathBuf::from(value::text(value)?);
    if dir.is_absolute() && !dir.starts_with(runtime_dir) {
        return Ok(dir);
    }
    Err(Fault::OutOfRange { allowed: "an absolute path outside runtime_dir, on a disk".to_owned() })
}

/// Bytes with their unit, `"64MiB"`, in `range`.
fn size(range: RangeInclusive<u64>) -> impl Fn(&Value<'_>) -> Result<u64, Fault> {
    move |value| {
        let typed = value::text(value)?;
        let out = || Fault::OutOfRange {
            allowed: format!("{} to {}, as in \"64MiB\"", size_text(*range.start()), size_text(*range.end())),
        };
        let bytes = bytes_of(&typed).ok_or_else(out)?;
        if range.contains(&bytes) { Ok(bytes) } else { Err(out()) }
    }
}

fn bytes_of(typed: &str) -> Option<u64> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let (number, shift) = units.iter().find_map(|(unit, shift)| Some((typed.strip_suffix(unit)?, *shift)))?;
    number.trim().parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn size_text(bytes: u64) -> String {
    match [(40, "TiB"), (30, "GiB"), (20, "MiB")].into_iter().find(|(shift, _)| bytes >> shift != 0) {
        Some((shift, unit)) => format!("{}{unit}", bytes >> shift),
        None => format!("{}KiB", bytes >> 10),
    }
}

/// `"all"`, a number of segments, or bytes for at least two of them: the newest is still being written.
fn keep(value: &Value<'_>, segment_bytes: u64) -> Result<Keep, Fault> {
    if value.as_integer().is_some() {
        return value::integer(2..=1_000_000)(value).map(Keep::Segments);
    }
    match value::text(value)?.as_str() {
        "all" => Ok(Keep::All),
        _ => size(segment_bytes.saturating_mul(2)..=MOST)(value).map(Keep::Bytes).map_err(
            |fault| match fault {
                Fault::OutOfRange { allowed } => Fault::OutOfRange {
                    allowed: format!(
                        "\"all\", a number of segments from 2, or {allowed}: two segments at least"
                    ),
                },
                other => other,
            },
        ),
    }
}
