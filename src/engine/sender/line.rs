//! One open connection that speaks HTTP, whichever version, as one attempt has it.

use super::answer::{Ending, Kept};
use super::course::Journey;
use super::fault::Fault;
use super::http1::Own;
use super::http2::{Shared, Stream};
use super::request::Signed;
use super::socket::Socket;
use crate::clock::Clock;
use http::Version;
use std::net::SocketAddr;
use std::sync::Arc;

/// A connection as one attempt has it.
pub(super) struct Line {
    connection: Connection,
    kept: bool,
}

enum Connection {
    Own(Own),
    Shared(Stream),
}

/// What became of a request that was handed to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchanged {
    /// It was answered.
    Answered {
        /// With this status.
        status: u16,
        /// How far the answer was read.
        ending: Ending,
    },
    /// The connection ended, and the request was certainly not processed.
    Unprocessed,
}

/// Where a line goes when its attempt is over.
pub(super) enum Reuse {
    /// It may be kept.
    Own(Own),
    /// It may be shared from now on.
    Shared(Arc<Shared>),
    /// It is closed, to be closed, or shared already.
    No,
}

impl Line {
    /// Speaks HTTP over a new connection: the version that ALPN chose.
    ///
    /// # Errors
    /// The connection broke off.
    pub(super) async fn open(
        socket: Socket,
        version: Version,
        peer: SocketAddr,
    ) -> Result<Self, Fault> {
        let connection = if version == Version::HTTP_2 {
            Connection::Shared(Stream::first(Shared::open(socket, peer).await?))
        } else {
            Connection::Own(Own::new(socket, peer))
        };
        Ok(Self {
            connection,
            kept: false,
        })
    }

    /// A line over a connection that was kept.
    pub(super) fn kept(own: Own) -> Self {
        Self {
            connection: Connection::Own(own),
            kept: true,
        }
    }

    /// A line over a connection that others use, too.
    pub(super) fn shared(stream: Stream) -> Self {
        Self {
            connection: Connection::Shared(stream),
            kept: true,
        }
    }

    /// Whether the connection was there before this attempt.
    pub(super) fn was_kept(&self) -> bool {
        self.kept
    }

    /// The address at its other end.
    pub(super) fn peer(&self) -> SocketAddr {
        match &self.connection {
            Connection::Own(own) => own.peer(),
            Connection::Shared(stream) => stream.peer(),
        }
    }

    /// Sends the request and reads its answer into `kept`.
    ///
    /// # Errors
    /// The connection broke off, what came is no HTTP, or the answer's header is too large.
    pub(super) async fn exchange(
        &mut self,
        signed: &Signed,
        journey: &mut Journey,
        kept: &mut Kept,
        clock: &Clock,
    ) -> Result<Exchanged, Fault> {
        match &mut self.connection {
            Connection::Own(own) => own.exchange(signed.http1(), journey, kept, clock).await,
            Connection::Shared(stream) => {
                let request = signed.http2()?;
                Box::pin(stream.exchange(request, journey, kept, clock)).await
            }
        }
    }

    /// Gives the connection back after a complete answer.
    pub(super) fn reuse(self) -> Reuse {
        match self.connection {
            Connection::Own(own) if own.is_reusable() => Reuse::Own(own),
            Connection::Shared(stream) if !self.kept => {
                Reuse::Shared(Arc::clone(stream.connection()))
            }
            Connection::Own(_) | Connection::Shared(_) => Reuse::No,
        }
    }
}
