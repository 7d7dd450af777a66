//! What can be wrong with a body that must be a JSON object.

/// Why a body is not the JSON object that is needed. The messages repeat nothing of the body but
/// names of fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonBodyError {
    /// There are no bytes but white space.
    #[error("the body is empty: send a JSON object")]
    Empty,
    /// A byte order mark comes first, which RFC 8259 section 8.1 forbids.
    #[error("the body begins with a byte order mark: send UTF-8 without one")]
    ByteOrderMark,
    /// The bytes are not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// The text is not JSON.
    #[error("the body is not valid JSON: {0}")]
    Syntax(String),
    /// The value is JSON, but not an object.
    #[error("the body is {0}: send a JSON object")]
    NotAnObject(&'static str),
    /// A field that is needed is missing.
    #[error("the field \"{0}\" is missing")]
    Missing(&'static str),
    /// A field occurs twice.
    #[error("the field \"{0}\" occurs more than once")]
    Duplicate(String),
    /// A field is not one of those that are allowed.
    #[error("the field \"{name}\" is not known: the fields are {}", known.join(", "))]
    Unknown {
        /// The field's name, shortened.
        name: String,
        /// The names of the fields that are allowed.
        known: &'static [&'static str],
    },
    /// A field has a value of the wrong type.
    #[error("the field \"{name}\" has the wrong type: expected {expected}")]
    WrongType {
        /// The field's name.
        name: String,
        /// The type that is expected.
        expected: String,
    },
    /// The object is refused for another reason.
    #[error("the body is not the JSON object that is expected here")]
    Other,
}

impl JsonBodyError {
    /// Returns the name of the field that is wrong, if it is one field.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Missing(name) => Some(name),
            Self::Duplicate(name) | Self::Unknown { name, .. } | Self::WrongType { name, .. } => Some(name),
            Self::Empty
            | Self::ByteOrderMark
            | Self::NotUtf8
            | Self::Syntax(_)
            | Self::NotAnObject(_)
            | Self::Other => None,
        }
    }
}
