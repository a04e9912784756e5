//! COLD: venues, the queue in front of each, and the codes they reject with.
//!
//! A venue exists because an account is at it; `[[venue]]` only changes the queue of one that does.

use super::market::Directory;
use super::problems::{Fault, nearest};
use super::walk::{Section, Value};
use super::{value, venue_codes};
use crate::engine::Limits;
use crate::engine::limits::{DropMode, VenueCodes, VenueId, VenueLimits};
use crate::model::{Name, Nanos};

/// Names of venues, in the order in which accounts name them.
pub(super) struct Venues(Vec<Name>);

impl Venues {
    /// Collects what accounts name, and reports the first account at a venue too many.
    pub(super) fn read(accounts: &[Section<'_, '_>]) -> Self {
        let mut names = Vec::new();
        for account in accounts {
            // A wrong name is reported when the key is read for its own sake.
            let Some(name) = account.peek("venue", |value| value::name(value).ok()) else { continue };
            if names.contains(&name) {
                continue;
            }
            if names.len() == Limits::MAX_VENUES {
                account.report("venue", Fault::TooMany { allowed: Limits::MAX_VENUES });
            }
            names.push(name);
        }
        Self(names)
    }

    /// The index of a venue.
    pub(super) fn find(&self, text: &str) -> Result<VenueId, Fault> {
        let found = self.0.iter().position(|name| name.as_str() == text);
        found.and_then(|index| VenueId::try_from(index).ok()).ok_or_else(|| {
            let known = || self.0.iter().map(Name::as_str);
            Fault::UnknownReference {
                kind: "venue",
                nearest: nearest(text, known()),
                known: known().collect::<Vec<_>>().join(", "),
            }
        })
    }
}

/// Every venue, as its `[[venue]]` says where there is one.
pub(super) fn venues(sections: Vec<Section<'_, '_>>, names: &Venues) -> Vec<VenueLimits> {
    Directory::read("venue", &sections);
    let mut venues: Vec<VenueLimits> = names.0.iter().copied().map(VenueLimits::new).collect();
    for section in sections {
        let is_name = section.peek("name", |value| value::name(value).ok()).is_some();
        let index =
            if is_name { section.optional("name", |value| names.find(&value::text(value)?)) } else { None };
        let read = queue(&section);
        if let Some(venue) = index.and_then(|index| venues.get_mut(usize::from(index))) {
            *venue = VenueLimits { name: venue.name, ..read };
        }
        section.finish();
    }
    venues
}

fn queue(section: &Section<'_, '_>) -> VenueLimits {
    let modes = value::word(&[
        ("reject_new", DropMode::RejectNew),
        ("drop_oldest", DropMode::DropOldest),
        ("drop_lowest", DropMode::DropLowest),
        ("halt", DropMode::Halt),
    ]);
    let default = VenueLimits::new(Name::default());
    let waits = || value::duration(Nanos::from_millis(1)..=Nanos::from_secs(60));
    let recoveries = value::duration(Nanos::ZERO..=Nanos::from_secs(3_600));
    VenueLimits {
        name: default.name,
        queue_capacity: section.or(
            "queue_capacity",
            default.queue_capacity,
            value::integer(1..=VenueLimits::MAX_WAITING),
        ),
        drop_mode: section.or("drop_mode", default.drop_mode, modes),
        ttl_new: section.or("ttl_new", default.ttl_new, waits()),
        ttl_reduce: section.or("ttl_reduce", default.ttl_reduce, waits()),
        ttl_modify: section.or("ttl_modify", default.ttl_modify, waits()),
        recover_for: section.or("recover_for", default.recover_for, recoveries),
    }
}

/// What the reject codes of an account's venue mean: as written, else the shipped map of the venue's own name.
pub(super) fn codes(account: &Section<'_, '_>, venue: Option<Name>) -> VenueCodes {
    let written = account.optional("venue_codes", value::unless("none", shipped_map));
    let own = || venue.and_then(|venue| venue_codes::shipped(venue.as_str()));
    let codes = written.unwrap_or_else(own);
    if codes.is_none() && venue.is_some() {
        account.note("venue_codes", "none: a reject means what the strategy says, whatever its code");
    }
    codes.unwrap_or_default()
}

fn shipped_map(value: &Value<'_>) -> Result<VenueCodes, Fault> {
    let typed = value::text(value)?;
    venue_codes::shipped(&typed).ok_or_else(|| {
        let words = || venue_codes::names().chain(["none"]);
        Fault::UnknownWord {
            nearest: nearest(&typed, words()),
            allowed: words().collect::<Vec<_>>().join(", "),
        }
    })
}
