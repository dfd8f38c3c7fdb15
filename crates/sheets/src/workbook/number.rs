//! Renders numbers as spreadsheet programs show them.

use std::fmt::Write;

use super::row::Shown;

/// Digits that Excel keeps of a typed number. A double stores every whole number of this length, but few longer ones.
const DIGITS: i32 = 15;
/// The least whole number with more digits than that.
const TOO_MANY_DIGITS: f64 = 1e15;
/// 2^53: every whole number up to here has a double of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// The least exponent of a number written in digits; below it, sheets write `1E-10`.
const LEAST_IN_DIGITS: i32 = -9;

/// Appends a number.
pub(super) fn push_float(out: &mut String, number: f64) -> Shown {
    if !number.is_finite() {
        out.push_str("#NUM!");
        return Shown::Error;
    }
    if number.abs() < TOO_MANY_DIGITS {
        if number.fract() == 0.0 {
            push(out, format_args!("{}", number as i64));
        } else {
            push_decimal(out, number);
        }
        return Shown::Number;
    }
    // Excel would have replaced the 16th digit of a typed number by 0.
    let typed = number.fract() == 0.0 && number.abs() <= EXACT && number % 10.0 != 0.0;
    if number.abs() < 1e21 {
        push(out, format_args!("{number:.0}"));
    } else {
        push_decimal(out, number);
    }
    if typed { Shown::Number } else { Shown::Inexact }
}

/// Appends at most [`DIGITS`] significant digits, without trailing zeros.
fn push_decimal(out: &mut String, number: f64) {
    let scientific = format!("{:.*e}", DIGITS as usize - 1, number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    if number < 0.0 {
        out.push('-');
    }
    if !(LEAST_IN_DIGITS..21).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        push(out, format_args!("{first}{point}{rest}E{exponent:+03}"));
    } else if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1) as usize);
        push(out, format_args!("0.{zeros}{digits}"));
    } else {
        let whole = exponent as usize + 1;
        match digits.split_at_checked(whole) {
            Some((whole, "")) => out.push_str(whole),
            Some((whole, rest)) => push(out, format_args!("{whole}.{rest}")),
            None => push(out, format_args!("{digits:0<whole$}")),
        }
    }
}

fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a String takes what it is given");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(number: f64) -> (Shown, String) {
        let mut out = String::new();
        (push_float(&mut out, number), out)
    }

    #[test]
    fn numbers_are_digits_as_sheets_show_them() {
        for (number, wanted) in [
            (0.0, "0"),
            (-0.0, "0"),
            (143.0, "143"),
            (-143.0, "-143"),
            (1e14, "100000000000000"),
            (999_999_999_999_999.0, "999999999999999"),
            (0.1 + 0.2, "0.3"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1_240.5, "1240.5"),
            (1.0 / 3.0, "0.333333333333333"),
            (200.0 / 3.0, "66.6666666666667"),
            (2.999_999_999_999_999_6, "3"),
            (99_999_999_999_999.99, "100000000000000"),
            (0.000_001, "0.000001"),
            (0.000_000_001_25, "0.00000000125"),
            (1e-10, "1E-10"),
            (1.5e-300, "1.5E-300"),
        ] {
            assert_eq!(shown(number), (Shown::Number, wanted.to_owned()), "{number:e}");
        }
    }

    #[test]
    fn a_whole_number_that_may_have_lost_digits_is_told_apart() {
        for (number, wanted, text) in [
            (1_234_567_890_123_456.0, Shown::Number, "1234567890123456"),
            (1_234_567_890_123_450.0, Shown::Inexact, "1234567890123450"),
            (1_234_567_890_123_456.5, Shown::Inexact, "1234567890123456"),
            (9_007_199_254_740_991.0, Shown::Number, "9007199254740991"),
            (9_007_199_254_740_994.0, Shown::Inexact, "9007199254740994"),
            (-12_345_678_901_234_567_890.0, Shown::Inexact, "-12345678901234567168"),
            (1.25e30, Shown::Inexact, "1.25E+30"),
        ] {
            assert_eq!(shown(number), (wanted, text.to_owned()), "{number:e}");
        }
        assert_eq!(shown(f64::NAN), (Shown::Error, "#NUM!".to_owned()));
    }

    proptest! {
        #[test]
        fn a_number_read_back_is_the_same_to_fifteen_digits(mantissa in 1_u64..1_000_000_000_000_000, exponent in -20..20) {
            let typed: f64 = format!("{mantissa}e{exponent}").parse().unwrap();
            let (_, text) = shown(typed);
            prop_assert_eq!(text.parse::<f64>().unwrap(), typed, "{}", text);
        }
    }
}
