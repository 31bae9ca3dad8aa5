//! A mail server of a test's own: it offers what its script says, refuses or falls silent where that says so, and keeps what
//! it took.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What stands in for an answer that never comes.
pub const SILENCE: &str = "";

/// How it behaves.
#[derive(Clone, Default)]
pub struct Script {
    /// Its certificate, for STARTTLS or for TLS from the first byte.
    pub tls: Option<Arc<ServerConfig>>,
    /// TLS from the first byte.
    pub implicit: bool,
    /// User and password, without which it takes nothing.
    pub login: Option<(&'static str, &'static str)>,
    /// Answers to what begins so, in place of the usual ones: `CONNECT` is the greeting, `.` the end of the data.
    pub answers: Vec<(&'static str, &'static str)>,
}

/// A mail that it took.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    pub from: String,
    pub to: Vec<String>,
    /// As it came, without the last dot.
    pub data: String,
    /// Whether it came through TLS.
    pub secure: bool,
}

impl Taken {
    /// A header's value, unfolded; it must be there once.
    pub fn header(&self, name: &str) -> String {
        let head = self
            .data
            .split("\r\n\r\n")
            .next()
            .unwrap()
            .replace("\r\n ", " ");
        let all: Vec<&str> = head
            .split("\r\n")
            .filter_map(|line| line.split_once(": "))
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect();
        assert_eq!(all.len(), 1, "{name} in {head}");
        all[0].to_owned()
    }

    /// The names of its headers, sorted.
    pub fn headers(&self) -> Vec<String> {
        let head = self
            .data
            .split("\r\n\r\n")
            .next()
            .unwrap()
            .replace("\r\n ", " ");
        let mut names: Vec<String> = head
            .split("\r\n")
            .map(|line| line.split_once(": ").unwrap().0.to_lowercase())
            .collect();
        names.sort();
        names
    }

    /// Its text, with quoted-printable undone as far as these tests need it.
    pub fn text(&self) -> String {
        let body = self.data.split_once("\r\n\r\n").unwrap().1;
        body.replace("=\r\n", "").replace("=3D", "=")
    }
}

/// A mail server.
pub struct Stub {
    pub address: SocketAddr,
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    taken: Vec<Taken>,
    /// Everything that was said in the clear, line by line.
    clear: Vec<String>,
}

impl Stub {
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stub = Self {
            address: listener.local_addr().unwrap(),
            script: Arc::new(Mutex::new(script)),
            seen: Arc::default(),
        };
        let (script, seen) = (Arc::clone(&stub.script), Arc::clone(&stub.seen));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (script, seen) = (script.lock().unwrap().clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    // A client that goes away in the middle is no failure of the stub's.
                    let _gone = serve(socket, script, seen).await;
                });
            }
        });
        stub
    }

    /// From now on it behaves so.
    pub fn behave(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    /// What it took since the last look.
    pub fn taken(&self) -> Vec<Taken> {
        std::mem::take(&mut self.seen.lock().unwrap().taken)
    }

    /// What was said in the clear since the last look.
    pub fn in_the_clear(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap().clear)
    }
}

type Ended = std::io::Result<()>;

async fn serve(socket: TcpStream, script: Script, seen: Arc<Mutex<Seen>>) -> Ended {
    let mut session = Session {
        script,
        seen,
        secure: false,
        logged_in: false,
    };
    let tls = session.script.tls.clone().map(TlsAcceptor::from);
    match tls {
        Some(tls) if session.script.implicit => {
            session.secure = true;
            let mut stream = BufReader::new(tls.accept(socket).await?);
            session.greet(&mut stream).await?;
            session.talk(&mut stream).await.map(drop)
        }
        tls => {
            let mut stream = BufReader::new(socket);
            session.greet(&mut stream).await?;
            if session.talk(&mut stream).await? == Next::Tls
                && let Some(tls) = tls
            {
                session.secure = true;
                let mut stream = BufReader::new(tls.accept(stream.into_inner()).await?);
                session.talk(&mut stream).await?;
            }
            Ok(())
        }
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    Tls,
    End,
}

struct Session {
    script: Script,
    seen: Arc<Mutex<Seen>>,
    secure: bool,
    logged_in: bool,
}

impl Session {
    /// Answers as the script says, or as usual.
    async fn answer<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        said: &str,
        usual: &str,
    ) -> std::io::Result<bool> {
        let scripted = self
            .script
            .answers
            .iter()
            .find(|(begins, _)| said.starts_with(begins));
        let text = scripted.map_or(usual, |(_, answer)| *answer);
        if text == SILENCE {
            std::future::pending::<()>().await;
        }
        stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        Ok(text.starts_with(['2', '3']))
    }

    async fn greet<S: AsyncWrite + Unpin>(&self, stream: &mut S) -> Ended {
        self.answer(stream, "CONNECT", "220 stub ESMTP")
            .await
            .map(drop)
    }

    async fn line<S: AsyncRead + Unpin>(
        &self,
        stream: &mut BufReader<S>,
    ) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line
            .strip_suffix("\r\n")
            .expect("lines end with CRLF")
            .to_owned();
        if !self.secure {
            self.seen.lock().unwrap().clear.push(line.clone());
        }
        Ok(Some(line))
    }

    /// What it says that it can do.
    fn offers(&self) -> String {
        let starttls = self.script.tls.is_some() && !self.secure;
        let mut offers = String::from("250-stub\r\n");
        if starttls {
            offers += "250-STARTTLS\r\n";
        }
        if self.script.login.is_some() {
            offers += "250-AUTH PLAIN LOGIN\r\n";
        }
        offers + "250 8BITMIME"
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut BufReader<S>,
    ) -> std::io::Result<Next> {
        let mut mail = Taken::default();
        while let Some(line) = self.line(stream).await? {
            let verb = line.split(' ').next().unwrap().to_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    let offers = self.offers();
                    self.answer(stream, &line, &offers).await?;
                }
                "STARTTLS" if self.answer(stream, &line, "220 go ahead").await? => {
                    return Ok(Next::Tls);
                }
                "STARTTLS" => {}
                "AUTH" => {
                    let right = self
                        .script
                        .login
                        .map(|(user, password)| STANDARD.encode(format!("\0{user}\0{password}")));
                    self.logged_in =
                        right.is_some_and(|right| line == format!("AUTH PLAIN {right}"));
                    let usual = if self.logged_in {
                        "235 welcome"
                    } else {
                        "535 5.7.8 wrong user or password"
                    };
                    self.answer(stream, &line, usual).await?;
                }
                "MAIL" if self.script.login.is_some() && !self.logged_in => {
                    self.answer(stream, &line, "530 log in first").await?;
                }
                "MAIL" => {
                    mail = Taken {
                        from: line.clone(),
                        secure: self.secure,
                        ..Taken::default()
                    };
                    self.answer(stream, &line, "250 ok").await?;
                }
                "RCPT" if self.answer(stream, &line, "250 ok").await? => mail.to.push(line),
                "RCPT" => {}
                "DATA" if self.answer(stream, &line, "354 go ahead").await? => {
                    while let Some(line) = self.line(stream).await? {
                        if line == "." {
                            break;
                        }
                        // Dots are doubled on the way.
                        mail.data += line.strip_prefix('.').unwrap_or(&line);
                        mail.data += "\r\n";
                    }
                    if self.answer(stream, ".", "250 taken").await? {
                        self.seen
                            .lock()
                            .unwrap()
                            .taken
                            .push(std::mem::take(&mut mail));
                    }
                }
                "QUIT" => {
                    self.answer(stream, &line, "221 bye").await?;
                    return Ok(Next::End);
                }
                _ => {
                    self.answer(stream, &line, "250 ok").await?;
                }
            }
        }
        Ok(Next::End)
    }
}
