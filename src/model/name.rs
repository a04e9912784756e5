//! Fixed-size names of instances, strategies, accounts, instruments and guards.

use core::fmt;

/// A name of 1 to 31 bytes of ASCII letters, digits, `.`, `_` and `-`, padded with zeros to 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Name([u8; Name::SIZE]);

/// Why a text is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing there.
    #[error("a name needs at least one character")]
    Empty,
    /// Longer than a name may be.
    #[error("a name has at most 31 characters, this one has {0}")]
    TooLong(usize),
    /// A byte that names may not have.
    #[error("a name is made of ASCII letters, digits, '.', '_' and '-'; byte {0:#04x} is none of them")]
    Forbidden(u8),
}

impl Name {
    /// Bytes a name occupies, padding included.
    pub const SIZE: usize = 32;

    /// The name spelled by `text`.
    ///
    /// # Errors
    /// [`NameError`] says which rule `text` breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let bytes = text.as_bytes();
        if bytes.is_empty() {
            return Err(NameError::Empty);
        }
        if bytes.len() >= Self::SIZE {
            return Err(NameError::TooLong(bytes.len()));
        }
        if let Some(&byte) =
            bytes.iter().find(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')))
        {
            return Err(NameError::Forbidden(byte));
        }
        let mut name = [0; Self::SIZE];
        name[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(name))
    }

    /// The name in these padded bytes, if they are one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        let end = bytes.iter().position(|&b| b == 0)?;
        if bytes[end..].iter().any(|&b| b != 0) {
            return None;
        }
        Self::new(core::str::from_utf8(&bytes[..end]).ok()?).ok()
    }

    /// The padded bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// The text, without padding.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|&b| b == 0).unwrap_or(Self::SIZE);
        core::str::from_utf8(&self.0[..end]).unwrap_or("")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_rules() {
        assert_eq!(Name::new("BTC-PERP.1_x").unwrap().as_str(), "BTC-PERP.1_x");
        assert_eq!(Name::new(""), Err(NameError::Empty));
        assert_eq!(Name::new(&"x".repeat(31)).unwrap().as_str().len(), 31);
        assert_eq!(Name::new(&"x".repeat(32)), Err(NameError::TooLong(32)));
        assert_eq!(Name::new("a b"), Err(NameError::Forbidden(b' ')));
    }

    #[test]
    fn padded_bytes_are_a_name_only_when_the_padding_is_zero() {
        let name = Name::new("main").unwrap();
        assert_eq!(Name::from_bytes(name.as_bytes()), Some(name));
        let mut dirty = *name.as_bytes();
        dirty[31] = b'x';
        assert_eq!(Name::from_bytes(&dirty), None);
        assert_eq!(Name::from_bytes(&[0; 32]), None);
        assert_eq!(Name::from_bytes(&[b'x'; 32]), None);
    }
}
