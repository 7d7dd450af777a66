//! The AMQP properties of a message. They survive a delay, the dead-letter queue and a replay.

use crate::message::{Headers, OWN_HEADERS, TRACE_HEADERS, USER};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use std::collections::BTreeMap;

/// Headers that would add recipients to a message that is published again. RabbitMQ removes them as
/// well when it dead-letters a message.
const RECIPIENTS: [&str; 2] = ["CC", "BCC"];

/// The history of a message that RabbitMQ has dead-lettered: a list of tables, the newest first.
const DEATHS: &str = "x-death";

/// The beginnings of the names of headers that RabbitMQ writes and reads. A message that is
/// published again with them may be dropped, because RabbitMQ assumes that it goes round in circles.
const BROKER: [&str; 4] = [DEATHS, "x-first-death-", "x-last-death-", "x-delivery-count"];

/// What the attributes of a cloud event begin with: in its AMQP binding 1.0, the same where a colon is
/// not possible, and in its HTTP binding.
const EVENT_PREFIXES: [&str; 3] = ["cloudEvents:", "cloudEvents_", "ce-"];

/// The properties, without the headers that are our own and those of the trace.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Properties(BasicProperties);

/// Why RabbitMQ dead-lettered a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    /// `expired`, `delivery_limit`, `maxlen` or `rejected`.
    pub(crate) reason: String,
    /// The queue that the message left.
    pub(crate) queue: String,
}

impl Default for Properties {
    fn default() -> Self {
        Self::json(None, None)
    }
}

impl Properties {
    /// The properties of a JSON message.
    pub(crate) fn json(message_id: Option<&str>, correlation_id: Option<&str>) -> Self {
        let mut properties = BasicProperties::default().with_content_type("application/json".into());
        if let Some(id) = message_id {
            properties = properties.with_message_id(id.into());
        }
        if let Some(id) = correlation_id {
            properties = properties.with_correlation_id(id.into());
        }
        Self(properties)
    }

    /// The properties of a message that is encoded so.
    #[cfg(test)]
    pub(crate) fn encoded(content_encoding: &str, compression: &str) -> Self {
        let header = (ShortString::from("compression"), AMQPValue::LongString(LongString::from(compression)));
        let headers = BTreeMap::from([header]).into();
        Self(BasicProperties::default().with_content_encoding(content_encoding.into()).with_headers(headers))
    }

    /// The same properties with this `reply_to`, if there is one.
    pub(crate) fn with_reply_to(self, reply_to: Option<&str>) -> Self {
        Self(reply_to.into_iter().fold(self.0, |properties, to| properties.with_reply_to(to.into())))
    }

    pub(crate) fn message_id(&self) -> Option<&str> {
        self.0.message_id().as_ref().map(ShortString::as_str)
    }

    pub(crate) fn correlation_id(&self) -> Option<&str> {
        self.0.correlation_id().as_ref().map(ShortString::as_str)
    }

    pub(crate) fn reply_to(&self) -> Option<&str> {
        self.0.reply_to().as_ref().map(ShortString::as_str)
    }

    pub(crate) fn content_encoding(&self) -> Option<&str> {
        self.0.content_encoding().as_ref().map(ShortString::as_str)
    }

    /// The id of a cloud event in binary mode, whose attributes are headers.
    pub(crate) fn event_id(&self) -> Option<String> {
        let attribute = |prefix: &str, name: &str| self.header(&format!("{prefix}{name}"));
        EVENT_PREFIXES.iter().find_map(|prefix| attribute(prefix, "specversion").and(attribute(prefix, "id")))
    }

    /// The text of a header of others, whose name may be written in either case.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let headers = self.0.headers().as_ref()?.inner();
        headers.iter().find(|(other, _)| other.as_str().eq_ignore_ascii_case(name)).and_then(|(_, value)| text(value))
    }

    /// The account that published the message. RabbitMQ refuses a message whose `user_id` is not
    /// that of its connection.
    pub(super) fn user_id(&self) -> Option<&str> {
        self.0.user_id().as_ref().map(ShortString::as_str)
    }

    /// Why RabbitMQ dead-lettered the message last, if it ever did.
    pub(crate) fn death(&self) -> Option<Death> {
        let AMQPValue::FieldArray(deaths) = self.0.headers().as_ref()?.inner().get(DEATHS)? else { return None };
        let AMQPValue::FieldTable(last) = deaths.as_slice().first()? else { return None };
        let field = |name: &str| last.inner().get(name).and_then(text);
        Some(Death { reason: field("reason")?, queue: field("queue")? })
    }

    /// Separates the headers that are our own or belong to the trace from received properties.
    pub(super) fn received(properties: BasicProperties) -> (Self, Headers) {
        let table = properties.headers().as_ref().map_or_else(Default::default, |table| table.inner().clone());
        let is_ours =
            |name: &ShortString| OWN_HEADERS.contains(&name.as_str()) || TRACE_HEADERS.contains(&name.as_str());
        let (ours, others): (Vec<_>, Vec<_>) = table.into_iter().partition(|(name, _)| is_ours(name));
        let ours = ours.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect();
        (Self(properties.with_headers(others.into_iter().collect::<BTreeMap<_, _>>().into())), ours)
    }

    /// Returns the properties to publish: persistent, from this account, and with these headers.
    /// `expiration` is left out, as RabbitMQ does when it dead-letters a message, because the message
    /// would vanish from the next queue. `keeps_history` keeps what RabbitMQ wrote.
    pub(super) fn published<'a>(
        &self,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        account: Option<&str>,
        keeps_history: bool,
    ) -> BasicProperties {
        let is_kept = |name: &str| {
            let is_history = BROKER.iter().any(|broker| name.starts_with(broker));
            !RECIPIENTS.contains(&name) && (keeps_history || !is_history)
        };
        let mut table = FieldTable::default();
        for (name, value) in self.0.headers().iter().flat_map(FieldTable::inner) {
            if is_kept(name.as_str()) {
                table.insert(name.clone(), value.clone());
            }
        }
        let mut insert =
            |name: &str, value: &str| _ = table.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
        if let Some(user) = self.user_id().filter(|user| Some(*user) != account) {
            insert(USER, user);
        }
        for (name, value) in headers {
            insert(name, value);
        }
        let mut properties = BasicProperties::default().with_delivery_mode(2);
        if !table.inner().is_empty() {
            properties = properties.with_headers(table);
        }
        if let Some(account) = account {
            properties = properties.with_user_id(account.into());
        }
        macro_rules! copy {
            ($($get:ident $with:ident),*) => {
                $(if let Some(value) = self.0.$get() { properties = properties.$with(value.clone()); })*
            };
        }
        copy!(content_type with_content_type, content_encoding with_content_encoding, priority with_priority);
        copy!(correlation_id with_correlation_id, reply_to with_reply_to, message_id with_message_id);
        copy!(timestamp with_timestamp, kind with_type, app_id with_app_id, cluster_id with_cluster_id);
        properties
    }

    /// Removes a header and returns its text.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let headers = self.0.headers().as_ref()?;
        let value = text(headers.inner().get(name)?);
        let others = headers.inner().iter().filter(|(other, _)| other.as_str() != name);
        let others: BTreeMap<_, _> = others.map(|(name, value)| (name.clone(), value.clone())).collect();
        self.0 = self.0.clone().with_headers(others.into());
        value
    }
}

/// Returns the value of a header if it is a text or a number.
fn text(value: &AMQPValue) -> Option<String> {
    Some(match value {
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        AMQPValue::ShortString(text) => text.as_str().to_owned(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        AMQPValue::ShortShortUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortUInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
