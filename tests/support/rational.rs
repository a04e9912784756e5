//! Exact fractions for the oracles: two i128 while everything fits, big numbers where it does not.
//!
//! Nothing is rounded and nothing is lost: each operation is checked, is tried again with reduced fractions, and is then
//! done in big numbers. Fractions are reduced only when that is needed, because a common divisor costs more than all the
//! rest; two of them are equal when their values are.

use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use num_bigint::BigInt;
use num_rational::BigRational;

/// An exact fraction.
#[derive(Clone)]
pub struct R(Form);

#[derive(Clone)]
enum Form {
    /// The second is above 0.
    Small(i128, i128),
    Big(Box<BigRational>),
}

pub fn whole(value: i128) -> R {
    R(Form::Small(value, 1))
}

pub fn fraction(numerator: i128, denominator: i128) -> R {
    whole(numerator) / whole(denominator)
}

pub fn pow10(exponent: u32) -> R {
    whole(10_i128.pow(exponent))
}

/// `value` rounded down to a multiple of `10^-places`.
pub fn down(value: &R, places: u32) -> R {
    let unit = 10_i128.pow(places);
    if let Form::Small(n, d) = value.0 {
        if d == unit || d == 1 {
            return value.clone();
        }
        if let Some(scaled) = n.checked_mul(unit) {
            return R(Form::Small(scaled.div_euclid(d), unit));
        }
    }
    let unit = BigRational::from(BigInt::from(unit));
    R::from_big((value.big() * &unit).floor() / unit)
}

pub fn up(value: &R, places: u32) -> R {
    -down(&-value, places)
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i128::try_from(a).unwrap_or(1).max(1)
}

impl R {
    /// The value, where it is whole and fits.
    pub fn to_whole(&self) -> Option<i128> {
        match &self.0 {
            Form::Small(n, d) => (n % d == 0).then(|| n / d),
            Form::Big(big) => big.is_integer().then(|| big.to_integer().try_into().ok()).flatten(),
        }
    }

    pub fn is_positive(&self) -> bool {
        *self > whole(0)
    }

    pub fn is_negative(&self) -> bool {
        *self < whole(0)
    }

    pub fn is_zero(&self) -> bool {
        *self == whole(0)
    }

    fn big(&self) -> BigRational {
        match &self.0 {
            Form::Small(n, d) => BigRational::new(BigInt::from(*n), BigInt::from(*d)),
            Form::Big(big) => big.as_ref().clone(),
        }
    }

    /// Small again where that is possible.
    fn from_big(big: BigRational) -> Self {
        match (i128::try_from(big.numer()), i128::try_from(big.denom())) {
            (Ok(n), Ok(d)) => Self(Form::Small(n, d)),
            _ => Self(Form::Big(Box::new(big))),
        }
    }

    fn small(&self) -> Option<(i128, i128)> {
        match self.0 {
            Form::Small(n, d) => Some((n, d)),
            Form::Big(_) => None,
        }
    }

    fn reduced(&self) -> Option<(i128, i128)> {
        let (n, d) = self.small()?;
        let common = gcd(n, d);
        Some((n / common, d / common))
    }

    /// `small` where that fits, with reduced fractions if need be, else `big`.
    fn combine(
        &self,
        other: &Self,
        small: impl Fn((i128, i128), (i128, i128)) -> Option<(i128, i128)>,
        big: impl Fn(BigRational, BigRational) -> BigRational,
    ) -> Self {
        let as_it_is = self.small().zip(other.small()).and_then(|(a, b)| small(a, b));
        let found = as_it_is.or_else(|| self.reduced().zip(other.reduced()).and_then(|(a, b)| small(a, b)));
        match found {
            Some((n, d)) => Self(Form::Small(n, d)),
            None => Self::from_big(big(self.big(), other.big())),
        }
    }
}

/// The sum of two fractions, with a common denominator that one of them has where there is one.
fn sum((a, b): (i128, i128), (c, d): (i128, i128)) -> Option<(i128, i128)> {
    if b == d {
        return Some((a.checked_add(c)?, b));
    }
    if b % d == 0 {
        return Some((a.checked_add(c.checked_mul(b / d)?)?, b));
    }
    if d % b == 0 {
        return Some((c.checked_add(a.checked_mul(d / b)?)?, d));
    }
    Some((a.checked_mul(d)?.checked_add(c.checked_mul(b)?)?, b.checked_mul(d)?))
}

fn product((a, b): (i128, i128), (c, d): (i128, i128)) -> Option<(i128, i128)> {
    Some((a.checked_mul(c)?, b.checked_mul(d)?))
}

fn quotient(a: (i128, i128), (c, d): (i128, i128)) -> Option<(i128, i128)> {
    assert_ne!(c, 0, "nothing is divided by nothing");
    let turned = if c < 0 { (d.checked_neg()?, c.checked_neg()?) } else { (d, c) };
    product(a, turned)
}

fn opposite((c, d): (i128, i128)) -> Option<(i128, i128)> {
    Some((c.checked_neg()?, d))
}

impl Neg for &R {
    type Output = R;
    fn neg(self) -> R {
        match self.small().and_then(opposite) {
            Some((n, d)) => R(Form::Small(n, d)),
            None => R::from_big(-self.big()),
        }
    }
}

impl Neg for R {
    type Output = R;
    fn neg(self) -> R {
        -&self
    }
}

impl Add<&R> for &R {
    type Output = R;
    fn add(self, other: &R) -> R {
        self.combine(other, sum, |a, b| a + b)
    }
}

impl Sub<&R> for &R {
    type Output = R;
    fn sub(self, other: &R) -> R {
        self.combine(other, |a, b| sum(a, opposite(b)?), |a, b| a - b)
    }
}

impl Mul<&R> for &R {
    type Output = R;
    fn mul(self, other: &R) -> R {
        self.combine(other, product, |a, b| a * b)
    }
}

impl Div<&R> for &R {
    type Output = R;
    fn div(self, other: &R) -> R {
        self.combine(other, quotient, |a, b| a / b)
    }
}

/// The same for values in place of references.
macro_rules! also_by_value {
    ($($operator:ident $method:ident),*) => {$(
        impl $operator<R> for R {
            type Output = R;
            fn $method(self, other: R) -> R {
                (&self).$method(&other)
            }
        }
        impl $operator<&R> for R {
            type Output = R;
            fn $method(self, other: &R) -> R {
                (&self).$method(other)
            }
        }
        impl $operator<R> for &R {
            type Output = R;
            fn $method(self, other: R) -> R {
                self.$method(&other)
            }
        }
    )*};
}
also_by_value!(Add add, Sub sub, Mul mul, Div div);

impl AddAssign<&R> for R {
    fn add_assign(&mut self, other: &R) {
        *self = &*self + other;
    }
}

impl AddAssign<R> for R {
    fn add_assign(&mut self, other: R) {
        *self += &other;
    }
}

impl SubAssign<&R> for R {
    fn sub_assign(&mut self, other: &R) {
        *self = &*self - other;
    }
}

impl SubAssign<R> for R {
    fn sub_assign(&mut self, other: R) {
        *self -= &other;
    }
}

impl Sum<R> for R {
    fn sum<I: Iterator<Item = R>>(all: I) -> R {
        all.fold(whole(0), |so_far, next| so_far + next)
    }
}

impl<'a> Sum<&'a R> for R {
    fn sum<I: Iterator<Item = &'a R>>(all: I) -> R {
        all.fold(whole(0), |so_far, next| so_far + next)
    }
}

impl Default for R {
    fn default() -> Self {
        whole(0)
    }
}

impl Ord for R {
    fn cmp(&self, other: &R) -> Ordering {
        let crossed = |((a, b), (c, d)): ((i128, i128), (i128, i128))| {
            if b == d { Some(a.cmp(&c)) } else { Some(a.checked_mul(d)?.cmp(&c.checked_mul(b)?)) }
        };
        let as_it_is = self.small().zip(other.small()).and_then(crossed);
        as_it_is.unwrap_or_else(|| self.big().cmp(&other.big()))
    }
}

impl PartialOrd for R {
    fn partial_cmp(&self, other: &R) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for R {
    fn eq(&self, other: &R) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for R {}

impl fmt::Debug for R {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.big())
    }
}
