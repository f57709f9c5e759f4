//! The check of a token: a Reed–Solomon code over the field of 32 elements.
//!
//! Four check digits make the distance of the code 5 (Reed and Solomon, 1960): a token with 1 to 4 changed characters, two
//! exchanged ones among them, is never another valid token. Any other text passes once in 2^20.

use super::DATA;

/// Check digits.
pub(super) const DIGITS: usize = 4;

/// x^5 + x^2 + 1, whose root generates the field.
const FIELD: u8 = 0b10_0101;
/// Added to every check, so that a row of equal characters, such as padding, does not pass.
const SALT: u32 = 0x5_9e4b;
/// What each value of each data digit adds to the check.
const SHARES: [[u32; 32]; DATA] = shares();

/// The check of the data digits, each below 32.
#[inline]
pub(super) fn sum(digits: &[u8; DATA]) -> u32 {
    let shares = digits.iter().zip(&SHARES);
    shares.fold(SALT, |sum, (digit, shares)| sum ^ shares[usize::from(digit & 31)])
}

/// The product of two elements.
const fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b > 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a <<= 1;
        if a >= 32 {
            a ^= FIELD;
        }
        b >>= 1;
    }
    product
}

/// The generator: (x - a)(x - a^2)(x - a^3)(x - a^4) without its leading 1, highest power first.
const fn generator() -> [u8; DIGITS] {
    // Lowest power first, with the leading coefficient, while the factors are multiplied.
    let mut product = [0; DIGITS + 1];
    product[0] = 1;
    let mut root = 1;
    let mut degree = 0;
    while degree < DIGITS {
        root = multiply(root, 2);
        let mut at = degree + 1;
        while at > 0 {
            product[at] = product[at - 1] ^ multiply(product[at], root);
            at -= 1;
        }
        product[0] = multiply(product[0], root);
        degree += 1;
    }
    let mut highest_first = [0; DIGITS];
    let mut at = 0;
    while at < DIGITS {
        highest_first[at] = product[DIGITS - 1 - at];
        at += 1;
    }
    highest_first
}

const fn shares() -> [[u32; 32]; DATA] {
    let generator = generator();
    let mut shares = [[0; 32]; DATA];
    // The remainder of x^4, x^5, … by the generator, from the last data digit to the first.
    let mut remainder = generator;
    let mut place = DATA;
    while place > 0 {
        place -= 1;
        let mut value = 0;
        while value < 32 {
            let mut share = 0;
            let mut at = 0;
            while at < DIGITS {
                share = share << 5 | multiply(remainder[at], value) as u32;
                at += 1;
            }
            shares[place][value as usize] = share;
            value += 1;
        }
        let top = remainder[0];
        let mut at = 0;
        while at < DIGITS {
            let next = if at + 1 < DIGITS { remainder[at + 1] } else { 0 };
            remainder[at] = next ^ multiply(top, generator[at]);
            at += 1;
        }
    }
    shares
}
