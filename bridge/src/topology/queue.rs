//! A queue to declare, and the arguments of queues.

/// How often the broker delivers a message that is never settled before it dead-letters it. Each
/// crash of the bridge or of the broker costs every message in progress one delivery.
pub(super) const DELIVERY_LIMIT: i64 = 100;

pub(super) const QUORUM: &str = "quorum";
pub(super) const CLASSIC: &str = "classic";

pub(super) const DEAD_LETTER_EXCHANGE: &str = "x-dead-letter-exchange";

/// A queue to declare.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) name: String,
    /// The declarations to try, one after the other. The first one creates a queue that does not
    /// exist.
    pub(crate) declarations: Vec<Declaration>,
}

/// A way to declare a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declaration {
    pub(crate) arguments: Arguments,
    /// What it says about an existing queue that this declaration is accepted for it.
    pub(crate) origin: Origin,
}

/// Who declared a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is as the bridge declares it.
    Own,
    /// It is as an earlier release or other settings declared it, with arguments: RabbitMQ refuses
    /// services that declare it without arguments.
    Earlier,
    /// It existed with other arguments, which lose no message, and is used with them.
    Foreign,
    /// It existed with arguments that the bridge does not know, or is a quorum queue because that is
    /// the default of its virtual host. It is used as it is.
    Unknown,
    /// The account may not declare queues, so that its arguments are not known. It is used as it is.
    Unchecked,
}

/// The arguments of a queue.
pub(crate) type Arguments = Vec<(&'static str, Argument)>;

/// The value of an argument of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    Text(String),
    Number(i64),
}

impl Queue {
    /// A queue without arguments, as other services declare theirs.
    pub(crate) fn plain(name: &str) -> Self {
        Self { name: name.to_owned(), declarations: vec![Declaration { arguments: Vec::new(), origin: Origin::Own }] }
    }
}

impl Declaration {
    /// Whether RabbitMQ moves a message that is rejected to another queue. It drops it otherwise.
    pub(crate) fn moves_rejected(&self) -> bool {
        self.arguments.iter().any(|(name, _)| *name == DEAD_LETTER_EXCHANGE)
    }
}

/// Both types of queues, this one first.
pub(super) fn both_types(first: &'static str) -> [&'static str; 2] {
    [first, if first == QUORUM { CLASSIC } else { QUORUM }]
}

/// The arguments of a queue whose messages are delivered a limited number of times.
pub(super) fn limited(queue_type: &str, target: String) -> Arguments {
    let mut arguments = dead_lettering(queue_type, target);
    if queue_type == QUORUM {
        arguments.push(("x-delivery-limit", Argument::Number(DELIVERY_LIMIT)));
    }
    arguments
}

/// The arguments of a queue whose expired and rejected messages go to another queue.
pub(super) fn dead_lettering(queue_type: &str, target: String) -> Arguments {
    let text = |text: &str| Argument::Text(text.to_owned());
    let mut arguments = vec![
        type_argument(queue_type),
        (DEAD_LETTER_EXCHANGE, text("")),
        ("x-dead-letter-routing-key", Argument::Text(target)),
    ];
    if queue_type == QUORUM {
        // Without these two a message can be lost on its way from one queue to the other.
        arguments.push(("x-dead-letter-strategy", text("at-least-once")));
        arguments.push(("x-overflow", text("reject-publish")));
    }
    arguments
}

/// The arguments that are accepted for a queue without arguments only if it is a classic one.
pub(crate) fn classic() -> Arguments {
    vec![type_argument(CLASSIC)]
}

pub(super) fn type_argument(queue_type: &str) -> (&'static str, Argument) {
    ("x-queue-type", Argument::Text(queue_type.to_owned()))
}
