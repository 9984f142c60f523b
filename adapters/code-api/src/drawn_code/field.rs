//! GF(256) with the polynomial x^8 + x^4 + x^3 + x^2 + 1, in which 2 generates every element but zero.

/// The elements but zero, hence the period of the powers of 2.
const ORDER: usize = 255;

pub(super) fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        // 0x1d is the field's polynomial without its x^8.
        a = if a & 0x80 == 0 { a << 1 } else { (a << 1) ^ 0x1d };
        b >>= 1;
    }
    product
}

/// 2 to the power of `exponent`.
pub(super) fn power(exponent: usize) -> u8 {
    (0..exponent % ORDER).fold(1, |product, _| multiply(product, 2))
}

/// What `a` is multiplied by to give 1; zero, which has none, gives zero.
pub(super) fn inverse(a: u8) -> u8 {
    // a^254, since a^255 is 1.
    (1..ORDER - 1).fold(a, |product, _| multiply(product, a))
}

/// The value of a polynomial at `x`; the first coefficient is that of x^0.
pub(super) fn evaluate(polynomial: &[u8], x: u8) -> u8 {
    polynomial.iter().rev().fold(0, |sum, &coefficient| multiply(sum, x) ^ coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_but_zero_is_a_power_of_two_and_has_an_inverse() {
        let mut powers: Vec<u8> = (0..ORDER).map(power).collect();
        powers.sort_unstable();
        assert_eq!(powers, (1..=u8::MAX).collect::<Vec<_>>());
        assert!((1..=u8::MAX).all(|a| multiply(a, inverse(a)) == 1));
        assert_eq!((inverse(0), power(ORDER)), (0, 1));
    }
}
