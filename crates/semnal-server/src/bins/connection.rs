//! One connection to the bins, request after request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use semnal_core::id::CapturedId;
use semnal_core::request_bin::answer::{Plan, Reply, Seen, decide};
use semnal_core::request_bin::capture::{Capture, delivery_of};
use semnal_core::request_bin::head::{Framing, Head};
use semnal_core::request_bin::own_cookies;
use semnal_store::bins::BinState;
use semnal_store::error::StoreError;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::body::{self, BodyLimits, BodyRead};
use super::reply::{self, Manner, plain};
use super::wire::{HeadRead, More, Wire};
use super::{BinListenerLimits, BinServer};
use crate::listener::linger;

/// 100 ms between two bytes of an answer that drips.
const DRIP_EVERY: Duration = Duration::from_millis(100);
/// The first byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// See the module.
pub(super) struct Connection {
    wire: Wire,
    remote: SocketAddr,
    server: Arc<BinServer>,
    shutdown: CancellationToken,
}

/// Whether another request may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Request,
    /// The answer has been sent; what the client still sends is read away, so that it sees the answer.
    Linger,
    /// Nothing more to say.
    Drop,
}

/// A request whose head has been read.
struct Asked<'a> {
    head: &'a Head<'a>,
    bytes: &'a [u8],
    close: bool,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        remote: SocketAddr,
        server: Arc<BinServer>,
        shutdown: CancellationToken,
    ) -> Connection {
        Connection { wire: Wire::new(stream), remote, server, shutdown }
    }

    /// Serves requests until either side ends the connection.
    pub(super) async fn run(mut self) -> io::Result<()> {
        // Answers are small and written at once; waiting for more to send would only delay them.
        self.wire.stream.set_nodelay(true)?;
        let limits = self.server.limits;
        for number in 1..=limits.requests_max {
            let wait = if number == 1 { limits.head_timeout } else { limits.idle_timeout };
            if !self.begins(wait).await? {
                return Ok(());
            }
            match self.request(number == limits.requests_max).await? {
                Next::Request => {}
                Next::Linger => {
                    linger(self.wire.stream).await;
                    return Ok(());
                }
                Next::Drop => return Ok(()),
            }
        }
        Ok(())
    }

    /// Waits for the first byte of a request; a server that stops does not.
    async fn begins(&mut self, wait: Duration) -> io::Result<bool> {
        if !self.wire.unread().is_empty() {
            return Ok(true);
        }
        let shutdown = self.shutdown.clone();
        tokio::select! {
            () = shutdown.cancelled() => Ok(false),
            more = self.wire.more(Instant::now() + wait) => Ok(more? == More::Some),
        }
    }

    async fn request(&mut self, last: bool) -> io::Result<Next> {
        if self.wire.unread().first() == Some(&TLS_HANDSHAKE) {
            return self.refuse(400, "this port speaks plain HTTP; write http:// instead of https://").await;
        }
        let limits = self.server.limits;
        let until = Instant::now() + limits.head_timeout;
        match self.wire.head(limits.head_bytes_max, limits.header_lines_max, until).await? {
            HeadRead::Whole(bytes) => self.whole(&bytes, last).await,
            HeadRead::TooLarge(bytes) => {
                let why = "the head is larger than this server reads";
                self.flawed(&bytes, BodyRead::default(), 431, why).await
            }
            HeadRead::Unfinished(bytes, _) if bytes.is_empty() => Ok(Next::Drop),
            HeadRead::Unfinished(bytes, More::Late) => {
                self.flawed(&bytes, BodyRead::default(), 408, "the head did not arrive in time").await
            }
            HeadRead::Unfinished(bytes, _) => {
                self.flawed(&bytes, BodyRead::default(), 400, "the connection ended inside the head").await
            }
        }
    }

    async fn whole(&mut self, bytes: &[u8], last: bool) -> io::Result<Next> {
        let head = Head::parse(bytes);
        let old = head.version == b"HTTP/1.0";
        let stays = if old {
            head.has_word("connection", "keep-alive")
        } else {
            !head.has_word("connection", "close")
        };
        let close = last || !stays || self.shutdown.is_cancelled() || head.method == b"CONNECT";
        let asked = Asked { head: &head, bytes, close };
        let Some(bin) = self.server.find(&head.bin()) else { return self.unknown(&asked).await };
        if let Some(problem) = head.problem.filter(|problem| problem.hides_the_end()) {
            return self.flawed(bytes, BodyRead::default(), 400, &problem.to_string()).await;
        }
        let framing = head.framing().unwrap_or(Framing::None);
        let limits = self.server.limits;
        let waits = framing != Framing::None && !old && head.has_word("expect", "100-continue");
        if waits && self.wire.unread().is_empty() {
            self.wire.write(b"HTTP/1.1 100 Continue\r\n\r\n", limits.answer_timeout).await?;
        }
        let body_limits = BodyLimits {
            kept_max: limits.body_bytes_max,
            read_max: limits.body_read_bytes_max,
            until: Instant::now() + limits.body_timeout,
        };
        let body = body::read(&mut self.wire, framing, body_limits).await?;
        if let Some(flaw) = body.flaw {
            return self.flawed(bytes, body, flaw.status(), &flaw.to_string()).await;
        }
        if let Some(problem) = head.problem {
            return self.flawed(bytes, body, 400, &problem.to_string()).await;
        }
        self.captured(&asked, &bin, body).await
    }

    /// Keeps a request that is as it should be, and answers as its bin wants.
    async fn captured(&mut self, asked: &Asked<'_>, bin: &BinState, body: BodyRead) -> io::Result<Next> {
        let capture = self.capture(asked.bytes, body, None);
        let kept = capture.body.clone();
        let manner = self.manner(asked);
        let id = match self.server.bins.capture(bin.bin.id, capture).await {
            Ok(Some(id)) => id,
            Ok(None) => return self.unknown(asked).await,
            Err(error) => return self.send(&unavailable(&error), manner).await,
        };
        // As it is now: the number was given out after any change that has been answered.
        let bin = self.server.bins.get(bin.bin.id).map_or_else(|| bin.bin.clone(), |it| it.bin);
        let name = self.name(id);
        match decide(&bin, id, &name, &Seen { head: asked.head, body: &kept }) {
            Plan::Send(reply) => {
                self.pause(Duration::from_millis(reply.delay_ms.into())).await;
                self.send(&reply, manner).await
            }
            Plan::Drip(reply) => self.drip(&reply, manner).await,
            Plan::Silence => {
                let wait = self.server.limits.answer_timeout;
                let shutdown = self.shutdown.clone();
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    _left = timeout(wait, gone(&mut self.wire.stream)) => {}
                }
                Ok(Next::Drop)
            }
            Plan::Reset => {
                self.wire.stream.set_zero_linger()?;
                Ok(Next::Drop)
            }
        }
    }

    /// Keeps a request that is not as it should be, if its bin is known, and says what is wrong. Nothing more is read
    /// from its connection.
    async fn flawed(&mut self, bytes: &[u8], body: BodyRead, status: u16, why: &str) -> io::Result<Next> {
        let head = Head::parse(bytes);
        let asked = Asked { head: &head, bytes, close: true };
        let Some(bin) = self.server.find(&head.bin()) else { return self.refuse(status, why).await };
        let capture = self.capture(bytes, body, Some(why.to_owned()));
        match self.server.bins.capture(bin.bin.id, capture).await {
            Ok(Some(_)) => {
                let sentence = format!("{why}; the request was captured as it came");
                self.send(&plain(status, &sentence), self.manner(&asked)).await
            }
            Ok(None) => self.unknown(&asked).await,
            Err(error) => self.send(&unavailable(&error), self.manner(&asked)).await,
        }
    }

    fn capture(&self, head: &[u8], body: BodyRead, problem: Option<String>) -> Capture {
        let of = delivery_of(&Head::parse(head), self.server.store.ids());
        let mut head = head.to_vec();
        own_cookies::blank(&mut head);
        Capture {
            received_at: (self.server.clock)(),
            remote: self.remote,
            head,
            body: body.kept,
            body_bytes: body.bytes,
            framed: body.framed,
            problem,
            message: of.map(|(message, _)| message),
            attempt: of.and_then(|(_, attempt)| attempt),
        }
    }

    async fn unknown(&mut self, asked: &Asked<'_>) -> io::Result<Next> {
        let name = String::from_utf8_lossy(&asked.head.bin()).chars().take(80).collect::<String>();
        let sentence = format!(
            "there is no request bin {name:?} here; the first part of the path is the id or the uid of a bin, and bins \
             expire when they are not used"
        );
        // Its body has not been read.
        let bodiless = asked.head.framing() == Ok(Framing::None) && asked.head.problem.is_none();
        let manner = Manner { close: asked.close || !bodiless, ..self.manner(asked) };
        self.send(&plain(404, &sentence), manner).await
    }

    /// Answers what cannot be captured, and ends the connection.
    async fn refuse(&mut self, status: u16, sentence: &str) -> io::Result<Next> {
        let manner = Manner { head_only: false, close: true, old: false, now: (self.server.clock)() };
        self.send(&plain(status, sentence), manner).await
    }

    fn manner(&self, asked: &Asked<'_>) -> Manner {
        Manner {
            head_only: asked.head.method == b"HEAD",
            close: asked.close,
            old: asked.head.version == b"HTTP/1.0",
            now: (self.server.clock)(),
        }
    }

    fn name(&self, id: CapturedId) -> String {
        self.server.store.ids().encode_captured(id)
    }

    async fn send(&mut self, reply: &Reply, manner: Manner) -> io::Result<Next> {
        let (mut head, body) = reply::bytes(reply, manner);
        head.extend_from_slice(&body);
        self.wire.write(&head, self.server.limits.answer_timeout).await?;
        Ok(if manner.close { Next::Linger } else { Next::Request })
    }

    /// Sends the head at once and the body byte by byte, for as long as an answer may take.
    async fn drip(&mut self, reply: &Reply, manner: Manner) -> io::Result<Next> {
        let BinListenerLimits { answer_timeout, .. } = self.server.limits;
        let until = Instant::now() + answer_timeout;
        let (head, body) = reply::bytes(reply, manner);
        self.wire.write(&head, answer_timeout).await?;
        for byte in body {
            if Instant::now() >= until || self.shutdown.is_cancelled() {
                return Ok(Next::Drop);
            }
            self.pause(DRIP_EVERY).await;
            self.wire.write(&[byte], answer_timeout).await?;
        }
        Ok(if manner.close { Next::Linger } else { Next::Request })
    }

    /// Waits; a server that stops does not.
    async fn pause(&self, length: Duration) {
        if !length.is_zero() && timeout(length, self.shutdown.cancelled()).await.is_ok() {
            tracing::trace!("an answer comes early, since the server stops");
        }
    }
}

fn unavailable(error: &StoreError) -> Reply {
    let why = match error {
        StoreError::Full => "the server's disk is full, the request was not captured",
        _ => "request bins are not available, the request may not have been captured",
    };
    Reply { headers: vec![("Retry-After".to_owned(), "5".to_owned())], ..plain(503, why) }
}

/// Reads away what a client sends until it leaves.
async fn gone(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4_096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
