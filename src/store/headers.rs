//! Custom headers at rest: names as they are, for whoever shows them, and names with values sealed, for whoever sends them.
//!
//! Invariants: without headers nothing is sealed. What is sealed opens for one version of one endpoint only and holds the very
//! names that stand beside it; a new version seals anew. Values are opened when an endpoint's requests are prepared, as its
//! secrets are, and never kept open here. Deliberately absent: values of versions that were; nobody can see them.

use super::directory::Endpoint;
use super::seal::{MasterKey, Place, SealError};
use super::{SealedPart, StoreError};
use std::path::PathBuf;
use tidings_core::endpoint::{CustomHeaders, HeaderNames};
use tidings_core::id::{EndpointId, OrganizationId};
use zeroize::Zeroizing;

/// A version of an endpoint: what headers are bound to.
#[derive(Debug, Clone, Copy)]
pub struct Of {
    /// Whose it is.
    pub organization: OrganizationId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Its version.
    pub version: u32,
}

impl Of {
    /// The version of a row.
    ///
    /// # Errors
    /// It is of no organization.
    pub fn stored(organization: i64, endpoint: i64, version: u32) -> Result<Self, StoreError> {
        let endpoint = EndpointId::from_raw(endpoint);
        let organization =
            OrganizationId::new(organization).ok_or_else(|| StoreError::Damaged {
                path: PathBuf::new(),
                what: format!("{endpoint} is of no organization"),
            })?;
        Ok(Self {
            organization,
            endpoint,
            version,
        })
    }

    /// The version that a record is.
    pub const fn record(record: &Endpoint) -> Self {
        Self {
            organization: record.organization,
            endpoint: record.id,
            version: record.version,
        }
    }

    const fn place(self) -> Place {
        Place::Headers(self.organization, self.endpoint, self.version)
    }
}

/// Names as they stand beside what is sealed, and in the rows of versions: a JSON array.
///
/// # Errors
/// They could not be written.
pub fn names_text(names: &HeaderNames) -> Result<String, StoreError> {
    let names: Vec<&str> = names.iter().collect();
    serde_json::to_string(&names).map_err(failed)
}

/// Seals headers; nothing where there are none.
///
/// # Errors
/// Nothing could be sealed.
pub fn seal(
    key: &MasterKey,
    of: Of,
    headers: &CustomHeaders,
) -> Result<Option<Box<[u8]>>, StoreError> {
    if headers.is_empty() {
        return Ok(None);
    }
    let pairs: Vec<(&str, &str)> = headers.iter().collect();
    let plain = Zeroizing::new(serde_json::to_vec(&pairs).map_err(failed)?);
    key.seal(of.place(), &plain).map(Some).map_err(failed)
}

/// Opens what is sealed for a record.
///
/// # Errors
/// [`SealError`]; also when what is sealed is of other names, or missing.
pub fn open(
    key: &MasterKey,
    record: &Endpoint,
    sealed: Option<&[u8]>,
) -> Result<CustomHeaders, SealError> {
    let headers = match sealed {
        None => CustomHeaders::default(),
        Some(sealed) => {
            let plain = key.open(Of::record(record).place(), sealed)?;
            let pairs = serde_json::from_slice(&plain).map_err(|_| SealError::DoesNotOpen)?;
            CustomHeaders::stored(pairs)
        }
    };
    match headers.names() == record.headers {
        true => Ok(headers),
        false => Err(SealError::DoesNotOpen),
    }
}

/// The same for who can do nothing without.
///
/// # Errors
/// [`StoreError::DoesNotOpen`].
pub fn held(
    key: &MasterKey,
    record: &Endpoint,
    sealed: Option<&[u8]>,
) -> Result<CustomHeaders, StoreError> {
    open(key, record, sealed).map_err(|_| StoreError::DoesNotOpen {
        endpoint: record.id,
        what: SealedPart::Headers,
    })
}

/// The same headers sealed for another version of their endpoint, or anew for the same one.
///
/// # Errors
/// They do not open.
pub fn carry(
    key: &MasterKey,
    from: &Endpoint,
    sealed: Option<&[u8]>,
    to: u32,
) -> Result<Option<Box<[u8]>>, StoreError> {
    let headers = held(key, from, sealed)?;
    let of = Of {
        version: to,
        ..Of::record(from)
    };
    seal(key, of, &headers)
}

/// Headers as a row of an endpoint holds them.
#[derive(Debug)]
pub struct AtRest {
    /// The text of their names.
    pub names: String,
    /// The whole, sealed; `None` without headers.
    pub sealed: Option<Box<[u8]>>,
}

/// What becomes of headers that an older format kept in clear, as a JSON array of `[name, value]`.
///
/// # Errors
/// The text is damaged, or nothing could be sealed.
pub fn sealed_of_clear(key: &MasterKey, of: Of, clear: &str) -> Result<AtRest, StoreError> {
    let pairs = serde_json::from_str(clear).map_err(|error| StoreError::Damaged {
        path: PathBuf::new(),
        what: format!(
            "the custom headers of {} cannot be read: {error}",
            of.endpoint
        ),
    })?;
    let headers = CustomHeaders::stored(pairs);
    Ok(AtRest {
        names: names_text(&headers.names())?,
        sealed: seal(key, of, &headers)?,
    })
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Internal {
        what: error.to_string(),
    }
}
