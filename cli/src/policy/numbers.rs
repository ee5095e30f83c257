//! Numbers with a fraction, as people write them: `1.5`, `12.5%`.

use super::faults::Faults;
use super::values::At;

impl At<'_, '_> {
    /// A number with or without a fraction: `2`, `0.25`.
    pub(super) fn number(&self, range: (f64, f64), faults: &mut Faults) -> Option<f64> {
        let (text, _) = self.scalar(faults)?;
        let (least, most) = range;
        let number = fraction(text, "").filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.refuse(text, faults).hint(format!(
                "give a number from {least} to {most}, such as {}",
                example(range)
            ));
        }
        number
    }

    /// A share of 1, written in percent: `20%`, `0.5%`. The range is in percent.
    pub(super) fn share(&self, range: (f64, f64), faults: &mut Faults) -> Option<f64> {
        let (text, _) = self.scalar(faults)?;
        let (least, most) = range;
        let digits = text.strip_suffix('%');
        let is_inside = |percent: &f64| (least..=most).contains(percent);
        let inside = digits.filter(|digits| fraction(digits, "").as_ref().is_some_and(is_inside));
        // Read as a whole, so that `5%` is the number that `0.05` is.
        let share = inside.and_then(|digits| fraction(digits, "e-2"));
        if share.is_none() {
            self.refuse(text, faults)
                .hint(format!("give a share from `{least}%` to `{most}%`"));
        }
        share
    }
}

/// Something in the middle of a range, for hints.
fn example((least, most): (f64, f64)) -> f64 {
    if least <= 0.5 && most >= 0.5 {
        0.5
    } else {
        least + 0.5
    }
}

/// Digits, perhaps with a point and more digits; no sign, no exponent, no leading zeros.
fn fraction(text: &str, exponent: &str) -> Option<f64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = whole.len() > 1 && whole.starts_with('0');
    let is_plain = is_digits(whole) && is_digits(part) && !is_padded && text.len() <= 20;
    is_plain.then(|| format!("{text}{exponent}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_read_and_other_forms_refused() {
        for (text, number) in [("0", 0.0), ("2", 2.0), ("0.25", 0.25), ("10.50", 10.5)] {
            assert_eq!(fraction(text, ""), Some(number), "{text}");
        }
        assert_eq!(fraction("5", "e-2"), Some(0.05));
        assert_eq!(fraction("0.1", "e-2"), Some(0.001));
        for text in [
            "", ".", ".5", "5.", "-1", "+1", "1e3", "01", "0x1", "1_0", "nan", "inf", "1.2.3",
        ] {
            assert_eq!(fraction(text, ""), None, "{text}");
        }
    }
}
