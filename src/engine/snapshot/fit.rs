//! COLD: how what was read from a snapshot takes the place of what a fresh engine has.
//!
//! A part of a fresh engine, made from the same limits, has what the snapshot leaves out: the room that was allocated
//! for it, blanks at the end of a table, and what follows from the limits alone. Rooms are taken over and not made
//! anew, so that they are as large as those of the engine that was written: some decisions depend on what is full.

use std::collections::VecDeque;

/// A part of the engine that is not whole without a fresh one.
pub(in crate::engine) trait Fit: Sized {
    /// Takes over from `fresh` what the snapshot leaves out. False where the two have not the same shape, or where
    /// something read points outside its table.
    fn fit(&mut self, fresh: Self) -> bool;
}

impl<T: Fit> Fit for Vec<T> {
    fn fit(&mut self, fresh: Self) -> bool {
        is_as_long(self, &fresh) && self.iter_mut().zip(fresh).all(|(read, fresh)| read.fit(fresh))
    }
}

impl<T: Fit> Fit for Option<T> {
    fn fit(&mut self, fresh: Self) -> bool {
        match (self, fresh) {
            (Some(read), Some(fresh)) => read.fit(fresh),
            (None, None) => true,
            _ => false,
        }
    }
}

/// Whether a table that never grows has its length.
pub(in crate::engine) fn is_as_long<T>(read: &[T], fresh: &[T]) -> bool {
    read.len() == fresh.len()
}

/// Moves what a list holds into the room of the fresh one. False where it does not fit.
pub(in crate::engine) fn into_room<T>(read: &mut Vec<T>, mut fresh: Vec<T>) -> bool {
    fresh.clear();
    let fits = read.len() <= fresh.capacity();
    if fits {
        fresh.append(read);
        *read = fresh;
    }
    fits
}

/// The same for a list that loses its oldest.
pub(in crate::engine) fn into_queue<T>(read: &mut VecDeque<T>, mut fresh: VecDeque<T>) -> bool {
    fresh.clear();
    let fits = read.len() <= fresh.capacity();
    if fits {
        fresh.append(read);
        *read = fresh;
    }
    fits
}

/// Gives a table back the blanks at its end that were not written. False where it is longer than it can be.
pub(in crate::engine) fn with_blanks<T>(read: &mut Vec<T>, mut fresh: Vec<T>) -> bool {
    let fits = read.len() <= fresh.len();
    if fits {
        fresh.iter_mut().zip(read.drain(..)).for_each(|(place, value)| *place = value);
        *read = fresh;
    }
    fits
}
