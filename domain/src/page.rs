//! Pagination of histories.

/// One page of a list. Pages are counted from 1.
///
/// ```
/// use connectivity_domain::page::{Page, PageError};
///
/// let page = Page::parse(Some("3"), Some("50")).expect("a valid page");
/// assert_eq!((page.offset(), page.size()), (100, 50));
/// assert_eq!((page.previous(), page.next(151)), (Some(2), Some(4)));
///
/// assert_eq!(Page::parse(Some("0"), None), Err(PageError::Number));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    number: u64,
    size: u64,
}

/// Which of the two query parameters is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// `page` is not a whole number from 1 to a million.
    #[error("page must be a whole number from 1 to 1000000")]
    Number,
    /// `page_size` is not a whole number of at least 1.
    #[error("page_size must be a whole number from 1 to 100")]
    Size,
}

impl Page {
    /// The number of records on a page without `page_size` (API contract).
    pub const DEFAULT_SIZE: u64 = 20;
    /// The largest number of records on a page. A larger `page_size` is reduced to it (API
    /// contract).
    pub const MAX_SIZE: u64 = 100;
    /// The largest number of a page.
    pub const MAX_NUMBER: u64 = 1_000_000;

    /// Parses the query parameters `page` and `page_size`.
    pub fn parse(number: Option<&str>, size: Option<&str>) -> Result<Self, PageError> {
        let whole = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // A number that overflows is larger than any bound.
            digits.then(|| text.parse().unwrap_or(u64::MAX))
        };
        let read = |text: Option<&str>, default| text.map_or(Some(default), whole);
        let number =
            read(number, 1).filter(|number| (1..=Self::MAX_NUMBER).contains(number)).ok_or(PageError::Number)?;
        let size = read(size, Self::DEFAULT_SIZE).filter(|size| *size >= 1).ok_or(PageError::Size)?;
        Ok(Self { number, size: size.min(Self::MAX_SIZE) })
    }

    /// Returns the number of the page, from 1.
    pub fn number(self) -> u64 {
        self.number
    }

    /// Returns the largest number of records on the page.
    pub fn size(self) -> u64 {
        self.size
    }

    /// Returns the number of records on the pages before this one.
    pub fn offset(self) -> u64 {
        (self.number - 1) * self.size
    }

    /// Returns the part of a whole list that is on this page.
    pub fn of<T>(self, list: &[T]) -> &[T] {
        let position = |number: u64| usize::try_from(number).map_or(list.len(), |number| number.min(list.len()));
        &list[position(self.offset())..position(self.offset() + self.size)]
    }

    /// Returns the number of the next page in a list of `count` records, if there is one.
    pub fn next(self, count: u64) -> Option<u64> {
        (self.number * self.size < count && self.number < Self::MAX_NUMBER).then_some(self.number + 1)
    }

    /// Returns the number of the previous page, if there is one.
    pub fn previous(self) -> Option<u64> {
        (self.number > 1).then_some(self.number - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: Option<&str>, size: Option<&str>, expected: Result<(u64, u64, u64), PageError>) {
        let page = Page::parse(number, size).map(|page| (page.number(), page.size(), page.offset()));
        assert_eq!(page, expected, "{number:?} {size:?}");
    }

    #[test]
    fn parameters_are_parsed_within_bounds() {
        check(None, None, Ok((1, 20, 0)));
        check(Some("3"), Some("50"), Ok((3, 50, 100)));
        check(Some("1000000"), Some("5000"), Ok((1_000_000, 100, 99_999_900)));
        check(None, Some("99999999999999999999"), Ok((1, 100, 0)));
        for bad in ["0", "-1", "", "x", "+1", " 1", "1.5", "1000001", "99999999999999999999"] {
            check(Some(bad), None, Err(PageError::Number));
        }
        for bad in ["0", "-1", "", "x"] {
            check(None, Some(bad), Err(PageError::Size));
        }
    }

    #[test]
    fn page_is_a_part_of_the_list() {
        let of = |number, size| Page::parse(Some(number), Some(size)).expect("a page").of(&[1, 2, 3]).to_vec();
        assert_eq!(
            (of("1", "2"), of("2", "2"), of("3", "2"), of("1000000", "100")),
            (vec![1, 2], vec![3], vec![], vec![])
        );
    }

    #[test]
    fn next_and_previous_exist_only_within_the_list() {
        let page = |number: &str| Page::parse(Some(number), Some("10")).expect("a page");
        assert_eq!((page("1").previous(), page("1").next(10)), (None, None));
        assert_eq!((page("1").previous(), page("1").next(11)), (None, Some(2)));
        assert_eq!((page("2").previous(), page("2").next(11)), (Some(1), None));
        assert_eq!((page("999999").next(u64::MAX), page("1000000").next(u64::MAX)), (Some(1_000_000), None));
    }
}
