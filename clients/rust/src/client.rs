//! The client: the generated operations, and beside them what those cannot know: idempotency keys, waiting, pages.
//!
//! Deliberately absent: redirects, which an API does not answer with, and which would carry the key elsewhere.

use std::time::Duration;

use serde::Serialize;

use crate::answer::{self, Error, RefusalHeaders};
use crate::event::{Body, NewEvent};
use crate::generated::{
    Api, ApiResponse, BatchResult, PostEventRequest, PostEventsRequest, Problem, WithHeaders,
};
use crate::pages::{Page, Pages};
use crate::retries::Retries;

/// What a generated operation gives: `anyhow` stands for no answer, or one that cannot be read.
pub type Answer<T, H> = anyhow::Result<ApiResponse<T, WithHeaders<H, Problem>>>;

/// A server and a key. Cloning it is cheap and shares the connections.
#[derive(Debug, Clone)]
pub struct Tidings {
    api: Api,
    retries: Retries,
}

impl Tidings {
    /// A client with a time limit of 10 seconds for a call. `base_url` is the server's, as in `http://127.0.0.1:8420`;
    /// [`Error::Invalid`] if it is none.
    pub fn new(base_url: &str, key: impl Into<String>) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|e| Error::Invalid(e.into()))?;
        Self::with_client(base_url, key, http)
    }

    /// With an HTTP client of your own: proxies, roots, time limits.
    pub fn with_client(
        base_url: &str,
        key: impl Into<String>,
        http: reqwest::Client,
    ) -> Result<Self, Error> {
        let api = Api::with_client(base_url, http).map_err(Error::Invalid)?;
        Ok(Self {
            api: api.with_key(key),
            retries: Retries::default(),
        })
    }

    /// Other tries and waits.
    #[must_use]
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// The generated operations, each made once; [`Tidings::call`] and [`Tidings::repeat`] wait and give problems.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Calls an operation. While the server refuses for now (429, 503: nothing was stored) it waits and calls again.
    pub async fn call<T: 'static, H: RefusalHeaders>(
        &self,
        operation: impl AsyncFn(&Api) -> Answer<T, H>,
    ) -> Result<T, Error> {
        answer::whole(self.made(false, operation).await?)
    }

    /// Like [`Tidings::call`], and calls again where no answer came: for reads, puts and deletes, which are once
    /// when made twice.
    pub async fn repeat<T: 'static, H: RefusalHeaders>(
        &self,
        operation: impl AsyncFn(&Api) -> Answer<T, H>,
    ) -> Result<T, Error> {
        answer::whole(self.made(true, operation).await?)
    }

    /// Like [`Tidings::repeat`], for what answers with a body only at times: [`Api::delete_organization`] does where
    /// there is an erasure to wait for.
    pub async fn repeat_optional<T, H: RefusalHeaders>(
        &self,
        operation: impl AsyncFn(&Api) -> Answer<T, H>,
    ) -> Result<Option<T>, Error> {
        self.made(true, operation).await
    }

    async fn made<T, H: RefusalHeaders>(
        &self,
        repeatable: bool,
        operation: impl AsyncFn(&Api) -> Answer<T, H>,
    ) -> Result<Option<T>, Error> {
        let mut number = 1;
        loop {
            let error = match operation(&self.api).await.map_err(Error::of) {
                Ok(answer) => match answer::body(answer).await {
                    Ok(body) => return Ok(body),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let random = fastrand::f64();
            let Some(wait) = self.retries.wait(number, &error, repeatable, random) else {
                return Err(error);
            };
            tokio::time::sleep(wait).await;
            number += 1;
        }
    }

    /// Posts an event and gives its id. It is on disk then.
    pub async fn post_event(&self, event: &NewEvent) -> Result<String, Error> {
        let post = async |_: &Api| {
            let request = self.post("v1/events", &event.body())?;
            let keyed = request.header("idempotency-key", &event.key);
            PostEventRequest::parse_response(keyed.send().await?).await
        };
        Ok(self.repeat(post).await?.body.id)
    }

    /// Posts up to 1,000 events in one commit: for each, in their order, its id or why it was refused.
    pub async fn post_events(
        &self,
        events: &[NewEvent],
    ) -> Result<Vec<Result<String, Box<Problem>>>, Error> {
        #[derive(Serialize)]
        struct Batch<'a> {
            events: Vec<Body<'a>>,
        }
        let batch = Batch {
            events: events.iter().map(NewEvent::keyed_body).collect(),
        };
        let post = async |_: &Api| {
            let response = self.post("v1/events/batch", &batch)?.send().await?;
            PostEventsRequest::parse_response(response).await
        };
        let results = self.repeat(post).await?.results.into_iter();
        Ok(results
            .map(|result| match result {
                BatchResult::Id(stored) => Ok(stored.id),
                BatchResult::Error(refused) => Err(Box::new(refused.error)),
            })
            .collect())
    }

    /// By hand, because the generated body holds data as a parsed value, which does not keep every number.
    fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<reqwest::RequestBuilder> {
        let mut request = self
            .api
            .client
            .post(self.api.base_url.join(path)?)
            .json(body);
        if let Some(key) = &self.api.key {
            request = request.bearer_auth(secrecy::ExposeSecret::expose_secret(key));
        }
        Ok(request)
    }

    /// Every item of a list. `operation` is given the cursor to ask with.
    pub fn pages<L, H, F>(&self, operation: F) -> Pages<'_, L, H, F>
    where
        L: Page + 'static,
        H: RefusalHeaders,
        F: AsyncFn(&Api, Option<String>) -> Answer<L, H>,
    {
        Pages::new(self, operation)
    }
}
