//! Exact decimal text: quantities are multiplied as integers, so that `4.02k` is 4,020.

/// A non-negative decimal number: `digits × 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    digits: u128,
    exponent: i32,
}

/// Longest number that is read: more digits than any quantity has.
const DIGITS_MAX: usize = 36;
/// Largest exponent that is read.
const EXPONENT_MAX: i32 = 400;

impl Decimal {
    /// Reads the number at the start of `text`; returns it and the rest.
    ///
    /// Digits may be grouped by single underscores, as in TOML; a sign, a comma, `inf` and `nan` are not numbers.
    pub(super) fn leading(text: &str) -> Option<(Self, &str)> {
        let bytes = text.as_bytes();
        let (mut digits, mut exponent, mut at, mut point) = (0u128, 0i32, 0, false);
        // Any digit at all, and those from the first that is not zero.
        let (mut seen, mut significant) = (false, 0);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'0'..=b'9' => {
                    digits = digits.checked_mul(10)?.checked_add(u128::from(byte - b'0'))?;
                    exponent -= i32::from(point);
                    seen = true;
                    significant += usize::from(digits > 0);
                }
                b'.' if !point => point = true,
                b'_' if at > 0
                    && bytes[at - 1].is_ascii_digit()
                    && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {}
                _ => break,
            }
            if significant > DIGITS_MAX || exponent < -EXPONENT_MAX {
                return None;
            }
            at += 1;
        }
        if !seen {
            return None;
        }
        let (power, length) = power(&text[at..]);
        Some((Self { digits, exponent: exponent + power }, &text[at + length..]))
    }

    /// The number times `numerator ÷ denominator` as a fraction in lowest powers of ten; `None` beyond 128 bits.
    fn scaled(self, numerator: u128, denominator: u128) -> Option<(u128, u128)> {
        let power = 10u128.checked_pow(self.exponent.unsigned_abs())?;
        let (up, down) = if self.exponent < 0 { (1, power) } else { (power, 1) };
        let over = self.digits.checked_mul(up)?.checked_mul(numerator)?;
        Some((over, down.checked_mul(denominator)?))
    }

    /// The number times `scale`, where that is a whole number.
    pub(super) fn whole(self, scale: u64) -> Option<u64> {
        let (over, under) = self.trimmed().scaled(scale.into(), 1)?;
        over.is_multiple_of(under).then(|| over / under).and_then(|whole| whole.try_into().ok())
    }

    /// The number times `scale`, to the nearest whole number.
    pub(super) fn nearest(self, scale: u64) -> Option<u64> {
        let (over, under) = self.trimmed().scaled(scale.into(), 1)?;
        (over.checked_add(under / 2)? / under).try_into().ok()
    }

    /// The number times `numerator ÷ denominator`, to the nearest double wherever both are exact as doubles.
    pub(super) fn times(self, numerator: u64, denominator: u64) -> Option<f64> {
        const EXACT: u128 = 1 << f64::MANTISSA_DIGITS;
        let exact = self.trimmed().scaled(numerator.into(), denominator.into());
        let value = match exact {
            Some((over, under)) if over <= EXACT && under <= EXACT => over as f64 / under as f64,
            _ => {
                let digits = self.digits.checked_mul(numerator.into())?;
                // The standard library reads decimal text to the nearest double.
                format!("{digits}e{}", self.exponent).parse::<f64>().ok()? / denominator as f64
            }
        };
        value.is_finite().then_some(value)
    }

    /// Without zeros at the end of its fraction, which would only cost room.
    fn trimmed(mut self) -> Self {
        while self.exponent < 0 && self.digits.is_multiple_of(10) {
            self.digits /= 10;
            self.exponent += 1;
        }
        if self.digits == 0 { Self { digits: 0, exponent: 0 } } else { self }
    }
}

/// Reads the exponent at the start of `text` (`e3`, `E-2`); returns it and its length, 0 without one.
fn power(text: &str) -> (i32, usize) {
    let Some(rest) = text.strip_prefix(['e', 'E']) else { return (0, 0) };
    let unsigned = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let length = rest.len() - unsigned.len() + digits;
    match rest[..length].parse::<i32>() {
        Ok(power) if digits > 0 && power.abs() <= EXPONENT_MAX => (power, 1 + length),
        _ => (0, 0),
    }
}
