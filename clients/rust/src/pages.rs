//! Lists, item by item: each page is asked for when the one before it is used up.

use std::marker::PhantomData;

use crate::answer::{Error, RefusalHeaders};
use crate::client::{Answer, Tidings};
use crate::generated::{
    Api, AuditEntry, Delivery, Endpoint, Event, EventType, EventTypes, Key, ListAuditEntry,
    ListDelivery, ListEndpoint, ListEvent, ListKey, ListOrganization, Organization,
};

/// A page of a list.
pub trait Page {
    /// What is listed.
    type Item;

    /// The items, and where the next page starts.
    fn parts(self) -> (Vec<Self::Item>, Option<String>);
}

macro_rules! page {
    ($($page:ty: $item:ty,)*) => {$(
        impl Page for $page {
            type Item = $item;

            fn parts(self) -> (Vec<$item>, Option<String>) {
                (self.data, self.next_cursor)
            }
        }
    )*};
}

page! {
    EventTypes: EventType,
    ListAuditEntry: AuditEntry,
    ListDelivery: Delivery,
    ListEndpoint: Endpoint,
    ListEvent: Event,
    ListKey: Key,
    ListOrganization: Organization,
}

/// The items of a list that are still to come.
#[derive(Debug)]
pub struct Pages<'a, L: Page, H, F> {
    tidings: &'a Tidings,
    operation: F,
    here: std::vec::IntoIter<L::Item>,
    next: Next,
    headers: PhantomData<fn() -> H>,
}

#[derive(Debug)]
enum Next {
    First,
    At(String),
    End,
}

impl<'a, L, H, F> Pages<'a, L, H, F>
where
    L: Page + 'static,
    H: RefusalHeaders,
    F: AsyncFn(&Api, Option<String>) -> Answer<L, H>,
{
    pub(crate) fn new(tidings: &'a Tidings, operation: F) -> Self {
        Self {
            tidings,
            operation,
            here: Vec::new().into_iter(),
            next: Next::First,
            headers: PhantomData,
        }
    }

    /// The next item; none at the end. After an error the same page is asked for again.
    pub async fn next(&mut self) -> Result<Option<L::Item>, Error> {
        loop {
            if let Some(item) = self.here.next() {
                return Ok(Some(item));
            }
            let cursor = match &self.next {
                Next::First => None,
                Next::At(cursor) => Some(cursor.clone()),
                Next::End => return Ok(None),
            };
            let operation = &self.operation;
            let page = self
                .tidings
                .repeat(async |api: &Api| operation(api, cursor.clone()).await)
                .await?;
            let (items, next) = page.parts();
            self.here = items.into_iter();
            self.next = next.map_or(Next::End, Next::At);
        }
    }
}
