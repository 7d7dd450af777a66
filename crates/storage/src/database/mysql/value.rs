//! Values of this crate as those of the host, and back.

use crate::sql::Value;
use spin_sdk::mysql::{DbValue, ParameterValue};

pub(super) fn parameter(value: Value) -> ParameterValue {
    match value {
        Value::Null => ParameterValue::DbNull,
        Value::Integer(integer) => ParameterValue::Int64(integer),
        Value::Text(text) => ParameterValue::Str(text),
    }
}

pub(super) fn value(value: &DbValue) -> Value {
    match value {
        DbValue::DbNull | DbValue::Unsupported | DbValue::Floating32(_) | DbValue::Floating64(_) => Value::Null,
        DbValue::Boolean(truth) => Value::Integer(i64::from(*truth)),
        DbValue::Int8(integer) => Value::Integer(i64::from(*integer)),
        DbValue::Int16(integer) => Value::Integer(i64::from(*integer)),
        DbValue::Int32(integer) => Value::Integer(i64::from(*integer)),
        DbValue::Int64(integer) => Value::Integer(*integer),
        DbValue::Uint8(integer) => Value::Integer(i64::from(*integer)),
        DbValue::Uint16(integer) => Value::Integer(i64::from(*integer)),
        DbValue::Uint32(integer) => Value::Integer(i64::from(*integer)),
        DbValue::Uint64(integer) => Value::Integer(i64::try_from(*integer).unwrap_or(i64::MAX)),
        DbValue::Str(text) => Value::Text(text.clone()),
        DbValue::Binary(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}
