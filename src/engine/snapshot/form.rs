//! COLD: forms of fields in a snapshot that are shorter than the derived ones, or that have no derived one.

use serde::{Serialize, Serializer};

/// A table without the blanks at its end. [`super::fit::with_blanks`] gives them back.
pub(in crate::engine) fn trimmed<T, S>(table: &[T], serializer: S) -> Result<S::Ok, S::Error>
where
    T: Serialize + Default + PartialEq,
    S: Serializer,
{
    let blank = T::default();
    let used = table.iter().rposition(|value| *value != blank).map_or(0, |last| last.saturating_add(1));
    table.get(..used).unwrap_or_default().serialize(serializer)
}

/// An index of which all ones is none: none takes one byte instead of five.
pub(in crate::engine) mod index {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::engine) fn serialize<S: Serializer>(index: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        index.wrapping_add(1).serialize(serializer)
    }

    pub(in crate::engine) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        u32::deserialize(from).map(|number| number.wrapping_sub(1))
    }
}

/// An array of more than 32.
pub(in crate::engine) mod array {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::{Serialize, Serializer};

    pub(in crate::engine) fn serialize<T, S, const N: usize>(
        array: &[T; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error>
    where
        T: Serialize,
        S: Serializer,
    {
        array.as_slice().serialize(serializer)
    }

    pub(in crate::engine) fn deserialize<'de, T, D, const N: usize>(from: D) -> Result<[T; N], D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let read = Vec::<T>::deserialize(from)?;
        let length = read.len();
        read.try_into().map_err(|_| D::Error::invalid_length(length, &"the length of the array"))
    }
}
