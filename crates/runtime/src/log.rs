//! Log lines: one JSON object per line on standard error, which every host collects.
//!
//! A line holds the fields that its caller names and nothing else. Callers never pass a whole
//! citizen id, a token, a body or a query string.

use crate::clock::now;
use crate::request_context::RequestContext;
use crate::request_scope;
use serde_json::{Map, Value};
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

/// The severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// An operator has to act.
    Error = 0,
    /// Something works worse than it should.
    Warn = 1,
    /// Normal events.
    Info = 2,
    /// Details for developers.
    Debug = 3,
}

impl Level {
    /// Parses a level's name in lower case.
    ///
    /// ```
    /// use connectivity_runtime::log::Level;
    ///
    /// assert_eq!(Level::parse("warn"), Some(Level::Warn));
    /// assert_eq!(Level::parse("WARN"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "error" => Self::Error,
            "warn" => Self::Warn,
            "info" => Self::Info,
            "debug" => Self::Debug,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// The least severe level that is written. A setting of the instance, not a request's data.
static THRESHOLD: AtomicU8 = AtomicU8::new(Level::Info as u8);

/// Sets the least severe level that is written from now on.
pub fn set_threshold(level: Level) {
    THRESHOLD.store(level as u8, Ordering::Relaxed);
}

/// Writes a line if its level is severe enough. Fields that are null are left out.
///
/// A line written while a request is served carries `request_id`, and `trace_id` if the request has
/// a trace.
pub fn line(level: Level, message: &str, fields: &[(&str, Value)]) {
    if level as u8 > THRESHOLD.load(Ordering::Relaxed) {
        return;
    }
    let scope = request_scope::current();
    let context = scope.as_deref().map(|scope| &scope.context);
    let line = render(level, &now().to_rfc3339_micros(), message, fields, context) + "\n";
    // One write, because other instances write to the same stream and would come between a line and
    // its end. A failed write cannot be reported anywhere.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

fn render(
    level: Level,
    time: &str,
    message: &str,
    fields: &[(&str, Value)],
    context: Option<&RequestContext>,
) -> String {
    let mut object = Map::new();
    object.insert("time".into(), time.into());
    object.insert("level".into(), level.name().into());
    object.insert("message".into(), message.into());
    if let Some(context) = context {
        object.insert("request_id".into(), context.request_id.as_str().into());
        object.extend(context.trace.iter().map(|trace| ("trace_id".to_owned(), trace.trace_id().into())));
    }
    for (name, value) in fields {
        if !value.is_null() {
            object.insert((*name).into(), value.clone());
        }
    }
    Value::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_one_json_object_without_null_fields() {
        let line = render(Level::Warn, "t", "a\nb", &[("status", 503.into()), ("subject", Value::Null)], None);
        assert!(!line.contains('\n'));
        let read: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read, serde_json::json!({"time": "t", "level": "warn", "message": "a\nb", "status": 503}));
    }
}
