//! Histories: the records about a citizen in pages, newest first.

use crate::problem::Problem;
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::page::Page;
use connectivity_domain::problem::ProblemKind;
use serde::Serialize;
use std::borrow::Cow;

/// The query of a history: whose records, and which page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The citizen whose records are asked for.
    pub citizen: CitizenId,
    /// The page that is asked for.
    pub page: Page,
    citizen_parameter: &'static str,
}

impl HistoryQuery {
    /// Parses a query string. `citizen_parameter` names the parameter that holds the citizen's id; `page` and
    /// `page_size` are optional. Other parameters are ignored.
    ///
    /// # Errors
    ///
    /// A problem with the status 400 that names the parameter that is missing, invalid or given twice.
    pub fn parse(query: Option<&str>, citizen_parameter: &'static str) -> Result<Self, Problem> {
        let citizen = parameter(query, citizen_parameter)?;
        let invalid = |detail: String| Problem::new(ProblemKind::InvalidCitizenId, detail).field(citizen_parameter);
        let citizen = citizen.ok_or_else(|| invalid(format!("the query parameter {citizen_parameter} is missing")))?;
        let citizen = CitizenId::parse(&citizen).map_err(|error| invalid(format!("{citizen_parameter} {error}")))?;
        Ok(Self { citizen, page: read_page(query)?, citizen_parameter })
    }

    /// Returns the link to another page: a relative reference (RFC 3986 section 4.2), because the
    /// service does not know its address in front of a proxy.
    fn link(&self, path: &str, number: u64) -> String {
        let (name, citizen, size) = (self.citizen_parameter, self.citizen.as_str(), self.page.size());
        format!("{path}?{name}={citizen}&page={number}&page_size={size}")
    }
}

/// Parses the parameters `page` and `page_size` of a query string, which are optional.
///
/// # Errors
///
/// As [`HistoryQuery::parse`].
pub fn read_page(query: Option<&str>) -> Result<Page, Problem> {
    let (number, size) = (parameter(query, "page")?, parameter(query, "page_size")?);
    Page::parse(number.as_deref(), size.as_deref())
        .map_err(|error| Problem::new(ProblemKind::InvalidRequest, error.to_string()))
}

/// Returns the value of a query parameter, of which there may be one.
fn parameter<'a>(query: Option<&'a str>, name: &'static str) -> Result<Option<Cow<'a, str>>, Problem> {
    let parameters = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut values = parameters.filter(|(it, _)| it == name).map(|(_, value)| value);
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        let detail = format!("the query parameter {name} is given more than once");
        return Err(Problem::new(ProblemKind::InvalidRequest, detail).field(name));
    }
    Ok(first)
}

/// A page of a history, as callers see it.
#[derive(Debug, Serialize)]
pub struct HistoryPage<T> {
    count: u64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<T>,
}

impl<T> HistoryPage<T> {
    /// Creates the page that `query` asked for at `path`. `count` is the number of records on all
    /// pages.
    pub fn new(path: &str, query: &HistoryQuery, count: u64, results: Vec<T>) -> Self {
        let link = |number| query.link(path, number);
        Self { count, next: query.page.next(count).map(link), previous: query.page.previous().map(link), results }
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use super::HistoryPage;
    use std::borrow::Cow;
    use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
    use utoipa::openapi::{Ref, RefOr, Schema};
    use utoipa::{PartialSchema, ToSchema};

    impl<T: ToSchema> PartialSchema for HistoryPage<T> {
        fn schema() -> RefOr<Schema> {
            let count = ObjectBuilder::new()
                .schema_type(Type::Integer)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                .minimum(Some(0))
                .description(Some("The number of records on all pages"));
            let link = |description| {
                ObjectBuilder::new()
                    .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                    .format(Some(SchemaFormat::Custom("uri-reference".into())))
                    .description(Some(description))
            };
            let results = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
            ObjectBuilder::new()
                .description(Some("A page of the history."))
                .property("count", count)
                .property("next", link("The next page, relative to the address of this one"))
                .property("previous", link("The previous page, relative to the address of this one"))
                .property("results", results)
                .required("count")
                .required("next")
                .required("previous")
                .required("results")
                .into()
        }
    }

    /// Named after what is on the page: `CheckHistory` for `Check`.
    impl<T: ToSchema> ToSchema for HistoryPage<T> {
        fn name() -> Cow<'static, str> {
            format!("{}History", T::name()).into()
        }

        fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_parsed() {
        let check = |query: &str, expected: Result<(&str, u64, u64), &str>| {
            let parsed = HistoryQuery::parse(Some(query), "citizen");
            let parsed =
                parsed.map(|query| (query.citizen.as_str().to_owned(), query.page.number(), query.page.size()));
            let expected = expected.map(|(citizen, number, size)| (citizen.to_owned(), number, size));
            assert_eq!(
                parsed.map_err(|problem| problem.detail().to_owned()),
                expected.map_err(str::to_owned),
                "{query}"
            );
        };
        check("citizen=1128456232", Ok(("1128456232", 1, 20)));
        check("page=3&citizen=%201128456232&page_size=5&other=1&other=2", Ok(("1128456232", 3, 5)));
        check("", Err("the query parameter citizen is missing"));
        check("citizen=0012345678", Ok(("12345678", 1, 20)));
        check("citizen=12345", Err("citizen must have at least 6 digits, not counting leading zeros"));
        check("citizen=1128456232&citizen=1128456233", Err("the query parameter citizen is given more than once"));
        check("citizen=1128456232&page=1&page=2", Err("the query parameter page is given more than once"));
        check("citizen=1128456232&page=0", Err("page must be a whole number from 1 to 1000000"));
    }

    #[test]
    fn pages_link_to_their_neighbours() {
        let query = HistoryQuery::parse(Some("citizen=1128456232&page=2&page_size=1"), "citizen").expect("a query");
        let page = HistoryPage::new("/history/", &query, 3, vec![1]);
        assert_eq!(page.next.as_deref(), Some("/history/?citizen=1128456232&page=3&page_size=1"));
        assert_eq!(page.previous.as_deref(), Some("/history/?citizen=1128456232&page=1&page_size=1"));
        let last = HistoryPage::new("/history/", &query, 2, vec![1]);
        assert_eq!(last.next, None);
    }
}
