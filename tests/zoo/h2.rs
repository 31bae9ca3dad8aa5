//! Receivers that speak HTTP/2 wrongly, frame by frame (RFC 9113).

use crate::modes::{Beast, Doing, Mode};
use tidings_core::outcome::{Failure, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;

/// `:status: 200`, from HPACK's static table.
const STATUS_200: &[u8] = &[0x88];
/// `:status: 103`, spelled out.
const STATUS_103: &[u8] = b"\x08\x03103";
/// `x-a: 1`, spelled out, not for the table.
const A_HEADER: &[u8] = b"\x00\x03x-a\x011";

/// The receiver's end of a connection over which one request came, on stream 1.
pub struct Peer {
    stream: TlsStream<TcpStream>,
}

impl Peer {
    /// Takes the preface and the first request's head.
    pub async fn meet(stream: TlsStream<TcpStream>) -> Option<Self> {
        let mut peer = Self { stream };
        // Its own memory is measured as well, and is not what is asked about.
        let session = peer.stream.get_mut().1;
        session.set_buffer_limit(Some(16_384));
        let mut preface = [0; 24];
        peer.stream.read_exact(&mut preface).await.ok()?;
        peer.send(SETTINGS, 0, 0, &[]).await.then_some(())?;
        // Theirs hold from here on.
        peer.send(SETTINGS, ACK, 0, &[]).await.then_some(())?;
        while peer.next().await? != HEADERS {}
        Some(peer)
    }

    /// The kind of the next frame.
    async fn next(&mut self) -> Option<u8> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(head[3])
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.again(1, kind, (flags, stream), payload).await
    }

    /// The same frame so many times, small ones many in one write; whether the other side is there.
    async fn again(&mut self, times: usize, kind: u8, to: (u8, u32), payload: &[u8]) -> bool {
        let (flags, stream) = to;
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend_from_slice(payload);
        let in_one = (8_192 / frame.len()).clamp(1, times);
        let frames = frame.repeat(in_one);
        for _ in 0..times.div_ceil(in_one) {
            if self.stream.write_all(&frames).await.is_err() {
                return false;
            }
        }
        self.stream.flush().await.is_ok()
    }

    /// Reads until the other side is gone.
    async fn hang(&mut self) {
        while self.next().await.is_some() {}
    }

    async fn answers_200(&mut self) {
        self.send(HEADERS, END_HEADERS, 1, STATUS_200).await;
    }
}

macro_rules! doing {
    (|$peer:ident| $body:block) => {
        #[allow(unused_mut, reason = "some do nothing with it")]
        Beast::Http2(|mut $peer: Peer| -> Doing { Box::pin(async move { $body }) })
    };
}

/// All of them.
pub fn modes() -> Vec<Mode> {
    let ok = Outcome::Status(200);
    let failed = Outcome::Failed;
    let mode = |name, wanted: &[Outcome], is_hungry, beast| Mode {
        name,
        wanted: wanted.to_vec(),
        is_hungry,
        beast,
    };
    let too_large = failed(Failure::TooLarge);
    let protocol = failed(Failure::Protocol);
    let before = failed(Failure::ResetBeforeHeaders);
    let no_header = failed(Failure::HeaderTimeout);
    vec![
        // Its window is 128 KiB: all of it, then no more.
        mode(
            "h2: a body as large as the window",
            &[ok],
            true,
            doing!(|peer| {
                peer.answers_200().await;
                peer.again(8, DATA, (0, 1), &[b'x'; 16_384]).await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: endless body past every window",
            &[ok, too_large, protocol],
            true,
            doing!(|peer| {
                peer.answers_200().await;
                while peer.again(8, DATA, (0, 1), &[b'x'; 16_384]).await {}
            }),
        ),
        mode(
            "h2: endless empty DATA",
            &[too_large],
            true,
            doing!(|peer| {
                peer.answers_200().await;
                while peer.again(500, DATA, (0, 1), &[]).await {}
            }),
        ),
        mode(
            "h2: body, then silence",
            &[failed(Failure::BodyTimeout)],
            false,
            doing!(|peer| {
                peer.answers_200().await;
                peer.send(DATA, 0, 1, b"abc").await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: endless CONTINUATION",
            &[too_large],
            true,
            doing!(|peer| {
                peer.send(HEADERS, 0, 1, STATUS_200).await;
                let headers = A_HEADER.repeat(1_000);
                while peer.again(4, CONTINUATION, (0, 1), &headers).await {}
            }),
        ),
        mode(
            "h2: empty CONTINUATION without end",
            &[too_large],
            true,
            doing!(|peer| {
                peer.send(HEADERS, 0, 1, STATUS_200).await;
                while peer.again(500, CONTINUATION, (0, 1), &[]).await {}
            }),
        ),
        mode(
            "h2: 10,000 headers",
            &[too_large],
            true,
            doing!(|peer| {
                let mut headers = STATUS_200.to_vec();
                headers.extend(A_HEADER.repeat(1_000));
                peer.send(HEADERS, 0, 1, &headers).await;
                peer.again(8, CONTINUATION, (0, 1), &A_HEADER.repeat(1_000))
                    .await;
                peer.send(
                    CONTINUATION,
                    END_HEADERS | END_STREAM,
                    1,
                    &A_HEADER.repeat(1_000),
                )
                .await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: 100,000 interim answers",
            &[too_large, no_header],
            true,
            doing!(|peer| {
                for _ in 0..1_000 {
                    if !peer.again(100, HEADERS, (END_HEADERS, 1), STATUS_103).await {
                        return;
                    }
                }
                peer.hang().await;
            }),
        ),
        mode(
            "h2: endless trailers",
            &[too_large],
            true,
            doing!(|peer| {
                peer.answers_200().await;
                peer.send(HEADERS, END_STREAM, 1, A_HEADER).await;
                let headers = A_HEADER.repeat(1_000);
                while peer.again(4, CONTINUATION, (0, 1), &headers).await {}
            }),
        ),
        mode(
            "h2: RST_STREAM before the answer",
            &[before],
            false,
            doing!(|peer| {
                peer.send(RST_STREAM, 0, 1, &2_u32.to_be_bytes()).await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: REFUSED_STREAM on a new connection",
            &[before],
            false,
            doing!(|peer| {
                peer.send(RST_STREAM, 0, 1, &7_u32.to_be_bytes()).await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: RST_STREAM in the body",
            &[failed(Failure::ResetInBody)],
            false,
            doing!(|peer| {
                peer.answers_200().await;
                peer.send(DATA, 0, 1, b"abc").await;
                peer.send(RST_STREAM, 0, 1, &2_u32.to_be_bytes()).await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: GOAWAY before the answer",
            &[before],
            false,
            doing!(|peer| {
                peer.send(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 2]).await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: GOAWAY in order, then silence",
            &[no_header],
            false,
            doing!(|peer| {
                peer.send(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]).await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: closed before the answer",
            &[before],
            false,
            doing!(|peer| {
                let _gone = peer.stream.shutdown().await;
            }),
        ),
        mode(
            "h2: a window that never opens",
            &[no_header],
            false,
            doing!(|peer| {
                // SETTINGS_INITIAL_WINDOW_SIZE is 0 from now on.
                peer.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: a window that overflows",
            &[protocol],
            false,
            doing!(|peer| {
                peer.again(3, WINDOW_UPDATE, (0, 0), &0x7fff_ffff_u32.to_be_bytes())
                    .await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: PUSH_PROMISE",
            &[protocol],
            false,
            doing!(|peer| {
                peer.send(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\x02\x82\x84\x87")
                    .await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: SETTINGS without end",
            &[too_large],
            true,
            doing!(|peer| { while peer.again(500, SETTINGS, (0, 0), &[]).await {} }),
        ),
        mode(
            "h2: PING without end",
            &[too_large],
            true,
            doing!(|peer| { while peer.again(500, PING, (0, 0), b"12345678").await {} }),
        ),
        mode(
            "h2: unknown frames without end",
            &[too_large],
            true,
            doing!(|peer| { while peer.again(4, 0x77, (0, 0), &[0; 4_096]).await {} }),
        ),
        mode(
            "h2: frames on streams nobody opened",
            &[protocol],
            false,
            doing!(|peer| {
                peer.send(HEADERS, END_HEADERS, 99, STATUS_200).await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: a frame larger than agreed",
            &[protocol],
            false,
            doing!(|peer| {
                peer.send(DATA, 0, 1, &[b'x'; 100_000]).await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: HTTP/1.1 instead",
            &[protocol],
            false,
            doing!(|peer| {
                let _gone = peer
                    .stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    .await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: two answers",
            &[ok],
            false,
            doing!(|peer| {
                // In order, so that no other attempt waits on this connection.
                peer.send(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]).await;
                peer.again(2, HEADERS, (END_HEADERS | END_STREAM, 1), STATUS_200)
                    .await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: GOAWAY with 16 KB of words",
            &[before],
            false,
            doing!(|peer| {
                let mut goaway = vec![0, 0, 0, 0, 0, 0, 0, 2];
                goaway.extend([b'w'; 16_000]);
                peer.send(GOAWAY, 0, 0, &goaway).await;
                peer.hang().await;
            }),
        ),
        mode(
            "h2: never reads again",
            &[no_header],
            false,
            doing!(|peer| {
                std::future::pending::<()>().await;
                drop(peer);
            }),
        ),
    ]
}
