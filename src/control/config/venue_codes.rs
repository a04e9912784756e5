//! COLD: reject codes of venues and the classes they mean, shipped with the program as data.
//!
//! One file per map: a header, then `code,class,meaning`, in the order in which the venue lists them; the
//! meaning is for people and may contain commas. A line that begins with # says where the facts are from. `binance` covers the spot and USD-M futures interfaces, whose
//! meanings of one code are of one class. `fix` has several reasons in one number: the tag times 10 000 plus the
//! value, so that 1030006 is OrdRejReason (103) = 6; CxlRejReason is 102, SessionRejectReason 373,
//! BusinessRejectReason 380. `bybit` covers the V5 interface, spot, derivatives and margin, by retCode; `okx` the V5
//! interface, REST and WebSocket, by sCode, or by code where the answer has no sCode.
//!
//! How a class was chosen: whose fault it is. What another strategy on the account would have met too is
//! infrastructure, venue-risk or auth and counts in the account's breaker; what the strategy could have known is
//! invalid or funds and counts in its book's. Deliberately absent: *other* (99, and BusinessRejectReason 0), which
//! says nothing; it stays unmapped, so that it is counted and somebody reads the text.

use crate::engine::limits::VenueCodes;
use crate::model::event::RejectClass;

const MAPS: [(&str, &str); 4] = [
    ("binance", include_str!("venue_codes/binance.csv")),
    ("bybit", include_str!("venue_codes/bybit.csv")),
    ("fix", include_str!("venue_codes/fix.csv")),
    ("okx", include_str!("venue_codes/okx.csv")),
];

const CLASSES: [(&str, RejectClass); 9] = [
    ("invalid", RejectClass::Invalid),
    ("funds", RejectClass::Funds),
    ("venue-risk", RejectClass::VenueRisk),
    ("infrastructure", RejectClass::Infrastructure),
    ("timeout", RejectClass::Timeout),
    ("auth", RejectClass::Auth),
    ("rate", RejectClass::Rate),
    ("liquidation", RejectClass::Liquidation),
    ("duplicate-id", RejectClass::DuplicateId),
];

/// The names of the maps.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    MAPS.iter().map(|(name, _)| *name)
}

/// The shipped map of this name.
pub(super) fn shipped(name: &str) -> Option<VenueCodes> {
    let (_, text) = MAPS.iter().find(|(known, _)| *known == name)?;
    Some(VenueCodes::new(rows(text).map(|row| row.expect("shipped maps parse")).collect()))
}

fn rows(text: &str) -> impl Iterator<Item = Option<(i32, RejectClass)>> {
    lines(text).map(row)
}

/// Header and sources are for people.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().skip(1).filter(|line| !line.starts_with('#'))
}

/// `code,class,meaning`, each of them there.
fn row(line: &str) -> Option<(i32, RejectClass)> {
    let mut fields = line.splitn(3, ',');
    let (code, class, meaning) = (fields.next()?, fields.next()?, fields.next()?);
    let (_, class) = CLASSES.iter().find(|(name, _)| *name == class)?;
    if meaning.trim().is_empty() {
        return None;
    }
    Some((code.parse().ok()?, *class))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_of_every_map_parses_and_no_code_has_two() {
        for (name, text) in MAPS {
            assert_eq!(text.lines().next(), Some("code,class,meaning"), "{name}");
            let mut codes = BTreeSet::new();
            let source = text.lines().nth(1).expect("a second line");
            assert!(source.starts_with("# After https://"), "{name} does not say where it is from");
            for line in lines(text) {
                let (code, class) = row(line).unwrap_or_else(|| panic!("{name}: {line}"));
                assert!(codes.insert(code), "{name}: {code} twice");
                assert_eq!(shipped(name).unwrap().class_of(code), Some(class), "{name}: {code}");
            }
            assert!(codes.len() > 50, "{name} has {}", codes.len());
        }
        assert_eq!(shipped("kraken"), None);
    }

    #[test]
    fn rows_that_say_too_little_do_not_parse() {
        for line in ["", "-1003", "-1003,rate", "-1003,rate,", "-1003,Rate,x", "x,rate,x", "-1003,unmapped,x"]
        {
            assert_eq!(row(line), None, "{line}");
        }
        assert_eq!(row("-1003,rate,slower, please"), Some((-1003, RejectClass::Rate)));
    }

    #[test]
    fn codes_that_decide_about_halts_mean_what_venues_say() {
        use RejectClass::*;
        for (name, code, class) in [
            ("binance", -1003, Some(Rate)),
            ("binance", -1007, Some(Timeout)),
            ("binance", -1015, Some(Rate)),
            ("binance", -1021, Some(Infrastructure)),
            ("binance", -1022, Some(Auth)),
            ("binance", -2010, Some(Invalid)),
            ("binance", -2014, Some(Auth)),
            ("binance", -2015, Some(Auth)),
            ("binance", -2018, Some(Funds)),
            ("binance", -2019, Some(Funds)),
            ("binance", -2023, Some(Liquidation)),
            ("binance", -4116, Some(DuplicateId)),
            ("binance", -999_999, None),
            ("bybit", 10_000, Some(Timeout)),
            ("bybit", 10_002, Some(Infrastructure)),
            ("bybit", 10_003, Some(Auth)),
            ("bybit", 10_006, Some(Rate)),
            ("bybit", 33_004, Some(Auth)),
            ("bybit", 110_001, Some(Invalid)),
            ("bybit", 110_007, Some(Funds)),
            ("bybit", 110_030, Some(DuplicateId)),
            ("bybit", 110_040, Some(Liquidation)),
            ("bybit", 170_131, Some(Funds)),
            ("bybit", 170_141, Some(DuplicateId)),
            ("bybit", 0, None),
            ("okx", 50_004, Some(Timeout)),
            ("okx", 50_011, Some(Rate)),
            ("okx", 50_022, Some(Liquidation)),
            ("okx", 50_061, Some(Rate)),
            ("okx", 50_113, Some(Auth)),
            ("okx", 51_000, Some(Invalid)),
            ("okx", 51_008, Some(Funds)),
            ("okx", 51_016, Some(DuplicateId)),
            ("okx", 51_149, Some(Timeout)),
            ("okx", 1, None),
            ("fix", 1_030_006, Some(DuplicateId)),
            ("fix", 1_030_025, Some(Funds)),
            ("fix", 1_030_099, None),
            ("fix", 1_020_000, Some(Invalid)),
            ("fix", 3_800_006, Some(Auth)),
            ("fix", 3_800_008, Some(Rate)),
            ("fix", 3_800_000, None),
        ] {
            assert_eq!(shipped(name).unwrap().class_of(code), class, "{name}: {code}");
        }
    }
}
