use super::*;
use serde::Deserialize;

/// An object whose further fields are ignored.
#[derive(Debug, Deserialize)]
struct Lenient {
    #[expect(dead_code, reason = "only whether it can be read matters")]
    name: String,
    #[expect(dead_code, reason = "only whether it can be read matters")]
    scopes: Option<Vec<String>>,
    #[expect(dead_code, reason = "only whether it can be read matters")]
    limit: Option<u64>,
}

/// An object that may have no further fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    #[expect(dead_code, reason = "only whether it can be read matters")]
    name: String,
    #[expect(dead_code, reason = "only whether it can be read matters")]
    disabled: Option<bool>,
}

fn message<T: DeserializeOwned>(body: &[u8]) -> String {
    match parse_object::<T>(body) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn objects_are_parsed() {
    for body in ["{\"name\":\"a\"}", " \r\n{ \"name\": \"a\", \"limit\": 1, \"more\": 1, \"more\": 2 } "] {
        assert_eq!(message::<Lenient>(body.as_bytes()), "", "{body}");
    }
}

#[test]
fn what_is_wrong_with_a_body_is_said() {
    let check = |body: &[u8], expected: &str| {
        assert_eq!(message::<Lenient>(body), expected, "{}", String::from_utf8_lossy(body));
    };
    check(b"", "the body is empty: send a JSON object");
    check(b" \n", "the body is empty: send a JSON object");
    check(b"\xEF\xBB\xBF{}", "the body begins with a byte order mark: send UTF-8 without one");
    check(b"{\"name\":\"\xFF\"}", "the body is not UTF-8");
    check(b"[1]", "the body is a JSON array: send a JSON object");
    check(b"[\"a\", null, 1]", "the body is a JSON array: send a JSON object");
    check(b"\"{}\"", "the body is a JSON string: send a JSON object");
    check(b"7", "the body is a JSON number: send a JSON object");
    check(b"true", "the body is a JSON boolean: send a JSON object");
    check(b"null", "the body is null: send a JSON object");
    check(b"{\"name\":\"a\",}", "the body is not valid JSON: trailing comma at line 1 column 13");
    check(b"{\n  name: \"a\"}", "the body is not valid JSON: key must be a string at line 2 column 3");
    check(b"{\"name\":\"a\"", "the body is not valid JSON: EOF while parsing an object at line 1 column 11");
    check(b"{\"name\":\"a\"} x", "the body is not valid JSON: trailing characters at line 1 column 14");
    check(b"name=a", "the body is not valid JSON: expected ident at line 1 column 2");
    check(b"{}", "the field \"name\" is missing");
    check(b"{\"name\":\"a\",\"name\":\"b\"}", "the field \"name\" occurs more than once");
    check(b"{\"name\":7}", "the field \"name\" has the wrong type: expected a string");
    check(b"{\"name\":null}", "the field \"name\" has the wrong type: expected a string");
    check(
        b"{\"name\":\"a\",\"scopes\":\"x, expected y\"}",
        "the field \"scopes\" has the wrong type: expected an array",
    );
    check(b"{\"name\":\"a\",\"limit\":-1}", "the field \"limit\" has the wrong type: expected a whole number");
}

#[test]
fn unknown_fields_are_named_where_none_may_be() {
    let check = |body: &str, expected: &str| assert_eq!(message::<Strict>(body.as_bytes()), expected, "{body}");
    check("{\"name\":\"a\",\"disabled\":true}", "");
    check("{\"nmae\":\"a\"}", "the field \"nmae\" is not known: the fields are name, disabled");
    let long = "x".repeat(100);
    let expected = format!("the field \"{}\" is not known: the fields are name, disabled", "x".repeat(64));
    check(&format!("{{\"{long}\":1}}"), &expected);
}

#[test]
fn objects_are_checked_without_knowing_their_fields() {
    let check = |body: &str, expected: Result<(), &str>| {
        let checked = check_object(body.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(checked, expected.map_err(str::to_owned), "{body}");
    };
    check("{}", Ok(()));
    check("{\"a\":1,\"b\":{\"a\":1}}", Ok(()));
    check("{\"a\":1,\"b\":2,\"a\":1}", Err("the field \"a\" occurs more than once"));
    check("[]", Err("the body is a JSON array: send a JSON object"));
}

#[test]
fn problems_name_the_field() {
    let problem = Problem::from(parse_object::<Lenient>(b"{\"name\":1}").expect_err("a wrong type"));
    assert_eq!(problem.kind(), ProblemKind::InvalidRequest);
    assert_eq!(problem.detail(), "the field \"name\" has the wrong type: expected a string");
}
