//! An event to post. Its data is kept as the text that it was serialized to, so that no byte of it changes on the way.

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::answer::Error;

/// An event to post.
///
/// It has an idempotency key from the start, so that a client's own retries post it once. Give one of your own where the
/// call itself may be made again: the id of a row in an outbox.
#[derive(Debug, Clone)]
pub struct NewEvent {
    kind: String,
    organization_id: i64,
    data: Box<RawValue>,
    public: bool,
    reference: Option<String>,
    pub(crate) key: String,
}

/// As the document has it: `EventInput`, and with a key `BatchEventInput`.
#[derive(Serialize)]
pub(crate) struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    organization_id: i64,
    data: &'a RawValue,
    public: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
}

impl NewEvent {
    /// An event of an organization, of a type in its own form (`project.updated`). [`Error::Invalid`] if `data` cannot
    /// be written as JSON.
    pub fn new(
        kind: impl Into<String>,
        organization_id: i64,
        data: &(impl Serialize + ?Sized),
    ) -> Result<Self, Error> {
        let data = serde_json::value::to_raw_value(data).map_err(|e| Error::Invalid(e.into()))?;
        Ok(Self {
            kind: kind.into(),
            organization_id,
            data,
            public: false,
            reference: None,
            key: Uuid::new_v4().to_string(),
        })
    }

    /// Two posts of an organization with one key are one event, for 24 hours. 1 to 255 visible ASCII characters.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// It also reaches the other organizations.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// Your own id for it: searchable, never sent. 1 to 255 visible ASCII characters.
    #[must_use]
    pub fn reference(mut self, reference: impl Into<String>) -> Self {
        self.reference = Some(reference.into());
        self
    }

    /// The body of a post of one, whose key is a header.
    pub(crate) fn body(&self) -> Body<'_> {
        Body {
            kind: &self.kind,
            organization_id: self.organization_id,
            data: &self.data,
            public: self.public,
            reference: self.reference.as_deref(),
            idempotency_key: None,
        }
    }

    /// The body of one among several.
    pub(crate) fn keyed_body(&self) -> Body<'_> {
        Body {
            idempotency_key: Some(&self.key),
            ..self.body()
        }
    }
}
