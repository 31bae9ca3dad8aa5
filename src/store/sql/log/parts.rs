//! A list that is read part by part, so that what is met can be looked up meanwhile and a short walk reads little.

use crate::store::StoreError;
use std::collections::VecDeque;

/// Rows of the first part, and of the largest.
const FIRST: i64 = 64;
const LARGEST: i64 = 1_024;

/// The list: what was read and not given yet, and where the next part begins.
#[derive(Debug)]
pub struct Parts<T> {
    ready: VecDeque<T>,
    last: T,
    size: i64,
    ended: bool,
}

impl<T: Clone> Parts<T> {
    /// A list whose first part begins below `start`.
    pub const fn new(start: T) -> Self {
        Self {
            ready: VecDeque::new(),
            last: start,
            size: FIRST,
            ended: false,
        }
    }

    /// The next row; `read` reads at most so many below the given one.
    ///
    /// # Errors
    /// `read` failed.
    pub fn next(
        &mut self,
        read: impl FnOnce(&T, i64) -> Result<Vec<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if self.ready.is_empty() && !self.ended {
            self.ready = read(&self.last, self.size)?.into();
            self.ended = (self.ready.len() as i64) < self.size;
            self.size = (self.size * 4).min(LARGEST);
            if let Some(last) = self.ready.back() {
                self.last = last.clone();
            }
        }
        Ok(self.ready.pop_front())
    }
}
