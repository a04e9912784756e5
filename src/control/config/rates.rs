//! COLD: conversion rates: the pairs of currencies, and whose word about them counts.

use super::market::{Currencies, Directory};
use super::problems::Fault;
use super::value;
use super::walk::Section;
use crate::engine::Limits;
use crate::engine::limits::RateLimits;
use crate::model::{Bps, Nanos};

pub(super) fn rates(
    sections: Vec<Section<'_, '_>>,
    currencies: &Currencies,
    strategies: &Directory,
) -> Vec<Option<RateLimits>> {
    let mut rows: Vec<Option<RateLimits>> = Vec::new();
    for section in sections {
        let read = rate(&section, currencies, strategies);
        if let Some(read) = &read {
            let joins = |other: &RateLimits| {
                let pair = (other.base, other.quote);
                pair == (read.base, read.quote) || pair == (read.quote, read.base)
            };
            if rows.iter().flatten().any(joins) {
                let remedy = "keep one of them: it converts either way round";
                section.report("base", Fault::Conflict { with: "another [[rate]] of the two", remedy });
            }
        }
        if rows.len() == Limits::MAX_RATES {
            section.report_here(Fault::TooMany { allowed: Limits::MAX_RATES });
        }
        rows.push(read);
        section.finish();
    }
    rows
}

fn rate(section: &Section<'_, '_>, currencies: &Currencies, strategies: &Directory) -> Option<RateLimits> {
    let remedy = "name what a rate is the price of, as in base = \"BNB\"";
    let base = section.required("base", remedy, |value| currencies.parse(value));
    let remedy = "name what that price is in, as in quote = \"USDT\"";
    let quote = section.required("quote", remedy, |value| currencies.parse(value));
    if base.is_some() && base == quote {
        section.report("quote", Fault::Conflict { with: "base", remedy: "a pair has two currencies" });
    }
    let haircut = section.or("haircut_bps", 50, value::integer(0..=9_999));
    if haircut == 0 {
        section.note("haircut_bps", "no haircut: money in the other currency counts in full");
    }
    let ages = value::duration(Nanos::from_millis(1)..=Nanos::from_secs(86_400));
    let age = section.or("age", Nanos::from_secs(60), ages);
    let band = section.or("band_bps", Some(300), value::unless("none", value::integer(1..=10_000)));
    if band.is_none() {
        section.note("band_bps", "no band: every jump of the rate is believed");
    }
    let source = section.optional("source", |value| strategies.find(&value::text(value)?));
    if !section.has("source") {
        section.note("source", "rates count from the first strategy that publishes one");
    }
    let (base, quote) = (base?, quote?);
    let numbers = format!("in events {} is currency {}, {} is {}", base.code, base.id, quote.code, quote.id);
    section.note_here(numbers);
    Some(RateLimits { base, quote, haircut: Bps(haircut), age, band: band.map(Bps), source })
}
