//! Many lists, each newest first, walked as one: an organization's list is that of its endpoints merged.
//!
//! Each list is read in parts that grow, so that an organization with a thousand endpoints does not read a
//! page from each.

use super::search::Place;
use super::sql;
use crate::store::StoreError;
use crate::store::sql::database::{Row, Sql, values};
use std::collections::{BinaryHeap, VecDeque};

/// Rows of the first part, and of the largest.
const FIRST_PART: i64 = 8;
const LARGEST_PART: i64 = 256;

/// Which rows of an endpoint a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// All that the late index covers.
    Listed,
    /// Those in this state, which is one out of the ordinary.
    InState(u8),
}

/// The runs that are being merged.
#[derive(Debug)]
pub struct Runs {
    runs: Vec<Run>,
    /// The next place of each run that has one, and which run it is.
    heads: BinaryHeap<(Place, usize)>,
    /// No event below this.
    floor: i64,
}

#[derive(Debug)]
struct Run {
    /// Where more comes from; `None` when all is in `ready`.
    more: Option<More>,
    ready: VecDeque<Place>,
}

#[derive(Debug)]
struct More {
    rows: Rows,
    endpoint: i64,
    below: i64,
    part: i64,
}

impl Runs {
    /// No runs yet; none will go below the event `floor`.
    pub const fn down_to(floor: i64) -> Self {
        Self {
            runs: Vec::new(),
            heads: BinaryHeap::new(),
            floor,
        }
    }

    /// Adds an endpoint's run, from below `below`.
    pub fn add(
        &mut self,
        connection: &dyn Sql,
        rows: Rows,
        endpoint: i64,
        below: Place,
    ) -> Result<(), StoreError> {
        // Of the event at `below` itself, endpoints smaller than the one there are still to come.
        let below = below
            .event
            .saturating_add(i64::from(endpoint < below.endpoint));
        self.push(
            connection,
            Run {
                more: Some(More {
                    rows,
                    endpoint,
                    below,
                    part: FIRST_PART,
                }),
                ready: VecDeque::new(),
            },
        )
    }

    /// Adds a run that is known already, newest first.
    pub fn add_known(
        &mut self,
        connection: &dyn Sql,
        places: VecDeque<Place>,
    ) -> Result<(), StoreError> {
        self.push(
            connection,
            Run {
                more: None,
                ready: places,
            },
        )
    }

    /// The next place of all, newest first.
    pub fn next(&mut self, connection: &dyn Sql) -> Result<Option<Place>, StoreError> {
        let Some((place, index)) = self.heads.pop() else {
            return Ok(None);
        };
        if let Some(run) = self.runs.get_mut(index)
            && let Some(next) = run.next(connection, self.floor)?
        {
            self.heads.push((next, index));
        }
        Ok(Some(place))
    }

    fn push(&mut self, connection: &dyn Sql, mut run: Run) -> Result<(), StoreError> {
        if let Some(first) = run.next(connection, self.floor)? {
            self.heads.push((first, self.runs.len()));
            self.runs.push(run);
        }
        Ok(())
    }
}

impl Run {
    fn next(&mut self, connection: &dyn Sql, floor: i64) -> Result<Option<Place>, StoreError> {
        if self.ready.is_empty()
            && let Some(more) = &mut self.more
        {
            self.ready = more.read(connection, floor)?;
            if (self.ready.len() as i64) < more.part {
                self.more = None;
            } else {
                more.below = self.ready.back().map_or(floor, |last| last.event);
                more.part = (more.part * 4).min(LARGEST_PART);
            }
        }
        Ok(self.ready.pop_front())
    }
}

impl More {
    fn read(&self, connection: &dyn Sql, floor: i64) -> Result<VecDeque<Place>, StoreError> {
        let place = |row: &dyn Row| {
            Ok(Place {
                event: row.get(0)?,
                endpoint: self.endpoint,
            })
        };
        let (endpoint, below, part) = (self.endpoint, self.below, self.part);
        let places = match self.rows {
            Rows::Listed => {
                connection.all(sql::LISTED, values![endpoint, floor, below, part], place)
            }
            Rows::InState(state) => connection.all(
                sql::UNUSUAL,
                values![endpoint, floor, below, part, state],
                place,
            ),
        };
        Ok(places?.into())
    }
}
