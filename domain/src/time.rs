//! Points in time. This crate does not read the clock: callers pass the time in.

use std::time::Duration;

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Returns the time this many microseconds after the epoch, or before it if `micros` is
    /// negative.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns the microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Returns the time `duration` later. Saturates at the largest time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Returns the time `duration` earlier. Saturates at the smallest time.
    ///
    /// ```
    /// use connectivity_domain::time::Timestamp;
    /// use std::time::Duration;
    ///
    /// let time = Timestamp::from_micros(5);
    /// assert_eq!(time.minus(Duration::from_micros(7)), Timestamp::from_micros(-2));
    /// assert_eq!(Timestamp::from_micros(i64::MIN).minus(Duration::MAX), Timestamp::from_micros(i64::MIN));
    /// ```
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Returns the time that has passed since `earlier`, or zero if `earlier` is later than this.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Formats the time as `2026-01-01T00:00:00.000000Z` (RFC 3339).
    pub fn to_rfc3339_micros(self) -> String {
        self.format('T', "Z")
    }

    /// Formats the time as `2026-01-01T00:00:00.000Z` (RFC 3339).
    pub fn to_rfc3339_millis(self) -> String {
        let micros = self.format('T', "");
        format!("{}Z", &micros[..micros.len() - 3])
    }

    /// Formats the time as `2026-01-01 00:00:00.000000` in UTC, as the databases store it.
    ///
    /// ```
    /// use connectivity_domain::time::Timestamp;
    ///
    /// let time = Timestamp::from_micros(1_800_000_000_000_001);
    /// assert_eq!(time.to_sql(), "2027-01-15 08:00:00.000001");
    /// assert_eq!(Timestamp::parse_sql("2027-01-15 08:00:00.000001"), Some(time));
    /// ```
    pub fn to_sql(self) -> String {
        self.format(' ', "")
    }

    /// Parses the text that [`Timestamp::to_sql`] returns.
    pub fn parse_sql(text: &str) -> Option<Self> {
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
        let days = days_of_civil(number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let seconds = days * 86_400 + number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
        let time = Self(seconds * 1_000_000 + number(20, 26)?);
        // Text of another form, a month 13, a 30 February or a sign among the digits does not survive
        // being formatted again.
        (time.to_sql() == text).then_some(time)
    }

    fn format(self, separator: char, zone: &str) -> String {
        let (seconds, micros) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        let (year, month, day) = civil_of_days(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        format!("{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}.{micros:06}{zone}")
    }
}

// Gregorian dates are counted in eras of 400 years (146,097 days) that start on 1 March, so that
// the leap day is the last day of a year. There are 719,468 days from 0000-03-01 to 1970-01-01.

fn civil_of_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

fn days_of_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_times_are_formatted() {
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
            (1_767_225_599_999_999, "2025-12-31T23:59:59.999999Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_rfc3339_micros(), expected);
        }
    }

    /// Compares with a calendar that goes from day to day, over two eras of 400 years.
    #[test]
    fn every_day_is_formatted() {
        let (mut year, mut month, mut day) = (1_600, 1, 1);
        for days in -135_140_i64..156_000 {
            let expected = format!("{year:04}-{month:02}-{day:02} 00:00:00.000000");
            assert_eq!(Timestamp::from_micros(days * 86_400_000_000).to_sql(), expected);
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
            (day, month) = if day < last { (day + 1, month) } else { (1, month + 1) };
            (month, year) = if month > 12 { (1, year + 1) } else { (month, year) };
        }
    }

    #[test]
    fn malformed_times_are_rejected() {
        for text in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00.000000",
            "2026-01-01 00:00:00.00000x",
            "2026-13-01 00:00:00.000000",
            "2026-00-01 00:00:00.000000",
            "2026-02-29 00:00:00.000000",
            "2026-01-01 24:00:00.000000",
            "2026-01-01 00:60:00.000000",
            "2026-01-01 00:00:60.000000",
            "+026-01-01 00:00:00.000000",
            "2026-01-01 +1:-1:00.000000",
            "2026-01-01 00:00:00.00é0",
            "2026-01-01 00:00:00.000000 ",
            "2026-01-01 00:00:00.0000000",
            "2026/01/01 00:00:00.000000",
        ] {
            assert_eq!(Timestamp::parse_sql(text), None, "{text}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let (early, late) = (Timestamp::from_micros(10), Timestamp::from_micros(25));
        assert_eq!((late.since(early), early.since(late)), (Duration::from_micros(15), Duration::ZERO));
        assert_eq!(early.plus(Duration::from_micros(15)), late);
        assert_eq!(late.plus(Duration::MAX), Timestamp::from_micros(i64::MAX));
        let (first, last) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
        assert_eq!(last.since(first), Duration::from_micros(i64::MAX.unsigned_abs()));
        assert!(!first.to_sql().is_empty() && !last.to_sql().is_empty());
    }

    proptest! {
        #[test]
        fn formatted_time_is_parsed_again(micros in -62_135_596_800_000_000_i64..253_402_300_799_999_999) {
            let time = Timestamp::from_micros(micros);
            prop_assert_eq!(Timestamp::parse_sql(&time.to_sql()), Some(time));
        }
    }
}
