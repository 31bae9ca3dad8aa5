//! Placeholder until the address rules land: only the shape other modules compile against.
use std::sync::Arc;
/// A target URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetUrl(Arc<str>);
impl TargetUrl {
    /// A stored URL.
    pub fn from_stored(text: &str) -> Self {
        Self(Arc::from(text))
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
