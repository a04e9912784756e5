//! COLD: one TOML value to one quantity of the domain. Every function is a parser for [`super::walk::Section`].

use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;

use toml::de::DeValue;

use super::problems::{Fault, nearest};
use super::walk::Value;
use crate::control::decimal::{self, DecimalError};
use crate::model::{Bps, Money, Name, Nanos};

/// Reports and command output carry money as an `i64` in 1e-6; a limit that they could not show is refused.
pub(super) const MONEY_MAX: Money = Money(i64::MAX as i128 * 1_000);

/// The type of a value, as messages name it.
pub(super) fn type_of(value: &Value<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

fn wrong_type(value: &Value<'_>, expected: &'static str) -> Fault {
    match value {
        DeValue::Float(_) => Fault::FloatLiteral,
        other => Fault::WrongType { found: type_of(other), expected },
    }
}

/// Refuses what lies outside `range`.
fn within<T: PartialOrd + Copy>(
    number: T,
    range: &RangeInclusive<T>,
    show: impl Fn(T) -> String,
) -> Result<T, Fault> {
    if range.contains(&number) {
        return Ok(number);
    }
    Err(Fault::OutOfRange { allowed: format!("{} to {}", show(*range.start()), show(*range.end())) })
}

pub(super) fn text(value: &Value<'_>) -> Result<String, Fault> {
    value.as_str().map(str::to_owned).ok_or_else(|| wrong_type(value, "a string"))
}

pub(super) fn boolean(value: &Value<'_>) -> Result<bool, Fault> {
    value.as_bool().ok_or_else(|| wrong_type(value, "true or false"))
}

pub(super) fn name(value: &Value<'_>) -> Result<Name, Fault> {
    Name::new(&text(value)?).map_err(|error| Fault::BadName { error })
}

/// An integer in `range`.
pub(super) fn integer<T>(range: RangeInclusive<T>) -> impl Fn(&Value<'_>) -> Result<T, Fault>
where
    T: TryFrom<i128> + PartialOrd + Copy + fmt::Display,
{
    move |value| {
        let integer = value.as_integer().ok_or_else(|| wrong_type(value, "an integer"))?;
        let wide = i128::from_str_radix(integer.as_str(), integer.radix());
        let out = || Fault::OutOfRange { allowed: format!("{} to {}", range.start(), range.end()) };
        let narrow = T::try_from(wide.map_err(|_| out())?).map_err(|_| out())?;
        within(narrow, &range, |bound| bound.to_string())
    }
}

/// A power of two in `range`.
pub(super) fn power_of_two(range: RangeInclusive<u32>) -> impl Fn(&Value<'_>) -> Result<u32, Fault> {
    move |value| {
        let number = integer(range.clone())(value)?;
        if number.is_power_of_two() {
            return Ok(number);
        }
        let allowed = format!("a power of two, {} to {}", range.start(), range.end());
        Err(Fault::NotAPowerOfTwo { allowed })
    }
}

/// One of some words, each with what it stands for.
pub(super) fn word<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&Value<'_>) -> Result<T, Fault> {
    move |value| {
        let typed = value.as_str().ok_or_else(|| wrong_type(value, "a string"))?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == typed) {
            return Ok(*meaning);
        }
        let choices = words.iter().map(|(word, _)| *word);
        let allowed = choices.clone().collect::<Vec<_>>().join(", ");
        Err(Fault::UnknownWord { nearest: nearest(typed, choices), allowed })
    }
}

/// A duration such as `"250us"` in `range`.
pub(super) fn duration(range: RangeInclusive<Nanos>) -> impl Fn(&Value<'_>) -> Result<Nanos, Fault> {
    move |value| {
        let typed = value.as_str().ok_or_else(|| wrong_type(value, "a quoted duration such as \"5s\""))?;
        nanos_of(typed, &range)
    }
}

fn nanos_of(typed: &str, range: &RangeInclusive<Nanos>) -> Result<Nanos, Fault> {
    let duration = humantime::parse_duration(typed).map_err(|_| Fault::BadDuration)?;
    let nanos = u64::try_from(duration.as_nanos()).map(Nanos).map_err(|_| Fault::BadDuration)?;
    within(nanos, range, duration_text)
}

/// A duration as a person would type it.
pub(super) fn duration_text(duration: Nanos) -> String {
    humantime::format_duration(Duration::from_nanos(duration.0)).to_string()
}

/// The decimal spelled by an integer or a string.
pub(super) fn decimal_text(value: &Value<'_>) -> Result<String, Fault> {
    match value {
        DeValue::String(typed) => Ok(typed.to_string()),
        DeValue::Integer(integer) if integer.radix() == 10 => Ok(integer.as_str().to_owned()),
        other => Err(wrong_type(other, "an integer or a quoted decimal")),
    }
}

/// A decimal in units of `10^-decimals`, in `range` of those units.
pub(super) fn units(decimals: u8, range: RangeInclusive<i64>) -> impl Fn(&Value<'_>) -> Result<i64, Fault> {
    move |value| units_of(&decimal_text(value)?, decimals, &range)
}

/// As [`units`], for a part of a text.
pub(super) fn units_of(typed: &str, decimals: u8, range: &RangeInclusive<i64>) -> Result<i64, Fault> {
    let units = decimal::parse_units(typed, decimals).map_err(|error| Fault::BadDecimal { error })?;
    within(units, range, |bound| in_decimals(bound, decimals))
}

/// A number of units as the decimal a person would type.
fn in_decimals(units: i64, decimals: u8) -> String {
    let nano = i128::from(units) * 10_i128.pow(u32::from(9 - decimals.min(9)));
    Money(nano).to_string()
}

/// An amount of a currency in `range`.
pub(super) fn money(range: RangeInclusive<Money>) -> impl Fn(&Value<'_>) -> Result<Money, Fault> {
    move |value| {
        let typed = decimal_text(value)?;
        let amount = decimal::parse_money(&typed).map_err(|error| Fault::BadDecimal { error })?;
        within(amount, &range, |bound| bound.to_string())
    }
}

/// A share, `"15%"` or `"1500bps"`. A bare number could mean either, so the unit is part of the value.
pub(super) fn ratio(range: RangeInclusive<u32>) -> impl Fn(&Value<'_>) -> Result<Bps, Fault> {
    move |value| {
        let typed = match value {
            DeValue::String(typed) => typed.trim(),
            _ => return Err(Fault::BadRatio),
        };
        let (number, decimals) = match (typed.strip_suffix('%'), typed.strip_suffix("bps")) {
            (Some(percent), _) => (percent, 2),
            (None, Some(bps)) => (bps, 0),
            (None, None) => return Err(Fault::BadRatio),
        };
        let bps = match decimal::parse_units(number, decimals) {
            Ok(bps) => u32::try_from(bps).map_err(|_| out_of_ratio(&range))?,
            Err(DecimalError::TooLarge) => return Err(out_of_ratio(&range)),
            Err(_) => return Err(Fault::BadRatio),
        };
        if range.contains(&bps) { Ok(Bps(bps)) } else { Err(out_of_ratio(&range)) }
    }
}

fn out_of_ratio(range: &RangeInclusive<u32>) -> Fault {
    Fault::OutOfRange { allowed: format!("{} to {}", Bps(*range.start()), Bps(*range.end())) }
}

/// Every element of an array; the same one twice is a slip.
pub(super) fn list<T: PartialEq>(
    parse: impl Fn(&Value<'_>) -> Result<T, Fault>,
) -> impl Fn(&Value<'_>) -> Result<Vec<T>, Fault> {
    move |value| {
        let DeValue::Array(elements) = value else { return Err(wrong_type(value, "an array")) };
        let mut list = Vec::new();
        for element in elements.iter() {
            let parsed = parse(element.get_ref())?;
            if list.contains(&parsed) {
                let word = element.get_ref().as_str().unwrap_or_default().to_owned();
                return Err(Fault::Repeated { word });
            }
            list.push(parsed);
        }
        Ok(list)
    }
}

/// So many, and within how long: `"3 in 60s"`.
pub(super) fn count_in(
    counts: RangeInclusive<u8>,
    windows: RangeInclusive<Nanos>,
) -> impl Fn(&Value<'_>) -> Result<(u8, Nanos), Fault> {
    move |value| {
        let typed = value.as_str().ok_or_else(|| wrong_type(value, "a quoted count such as \"3 in 60s\""))?;
        let (count, window) = typed.split_once(" in ").ok_or(Fault::BadCount)?;
        let count: u32 = count.trim().parse().map_err(|_| Fault::BadCount)?;
        let out = || Fault::OutOfRange { allowed: format!("{} to {} events", counts.start(), counts.end()) };
        let count = u8::try_from(count).ok().filter(|count| counts.contains(count)).ok_or_else(out)?;
        Ok((count, nanos_of(window.trim(), &windows)?))
    }
}

/// A whole percentage, `"30%"`.
pub(super) fn percent(value: &Value<'_>) -> Result<u8, Fault> {
    let Bps(bps) = ratio(0..=10_000)(value)?;
    match u8::try_from(bps / 100) {
        Ok(percent) if bps % 100 == 0 => Ok(percent),
        _ => Err(Fault::OutOfRange { allowed: "whole percentages, 0 % to 100 %".to_owned() }),
    }
}

/// What `parse` reads, or `None` where `word` is written out.
pub(super) fn unless<T>(
    word: &'static str,
    parse: impl Fn(&Value<'_>) -> Result<T, Fault>,
) -> impl Fn(&Value<'_>) -> Result<Option<T>, Fault> {
    move |value| if value.as_str() == Some(word) { Ok(None) } else { parse(value).map(Some) }
}
