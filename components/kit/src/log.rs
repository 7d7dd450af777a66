//! Log lines: one JSON object a line on standard error, which every host collects.
//!
//! Never an id, a token, a body or a query goes in: callers pass what they mean to be read.

use crate::request::RequestContext;
use crate::runtime;
use crate::scope;
use serde_json::{Map, Value};
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Somebody has to act.
    Error = 0,
    /// Something works worse than it should.
    Warn = 1,
    /// What happened.
    Info = 2,
    /// What a developer wants to know.
    Debug = 3,
}

impl Level {
    /// The level of that name.
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

/// The instance's threshold. A setting, not a request's data.
static THRESHOLD: AtomicU8 = AtomicU8::new(Level::Info as u8);

/// Lines below this level are not written from now on.
pub fn set_threshold(level: Level) {
    THRESHOLD.store(level as u8, Ordering::Relaxed);
}

/// Writes one line, if the level is high enough. One that is written for a request says for which.
pub fn line(level: Level, message: &str, fields: &[(&str, Value)]) {
    if level as u8 > THRESHOLD.load(Ordering::Relaxed) {
        return;
    }
    let scope = scope::current();
    let context = scope.as_deref().map(|scope| &scope.context);
    let line = render(level, &runtime::now().to_rfc3339_micros(), message, fields, context) + "\n";
    // In one write: other instances write to the same place, and would come between a line and its end. If it cannot be
    // written, there is nowhere to say so.
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
        object.extend(context.trace_id().map(|id| ("trace_id".to_owned(), id.into())));
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
    fn a_line_is_one_json_object_without_its_empty_fields() {
        let line = render(Level::Warn, "t", "a\nb", &[("status", 503.into()), ("subject", Value::Null)], None);
        assert!(!line.contains('\n'));
        let read: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read, serde_json::json!({"time": "t", "level": "warn", "message": "a\nb", "status": 503}));
    }
}
