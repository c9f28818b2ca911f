//! A stream that ends when its client is too slow: in the middle of a head, or idle between two requests.
//!
//! One timer a connection, set anew only when it fires too early: a busy connection never touches it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How far a connection has come. While a request is answered, nothing here is in a hurry: its body has a time of its
/// own, and an answer may be a stream without end.
#[derive(Debug, Default)]
pub(super) struct Progress {
    busy: AtomicBool,
    requests: AtomicU64,
}

impl Progress {
    /// A head has arrived; the request is answered when the returned value is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.busy.store(true, Ordering::Release);
        self.requests.fetch_add(1, Ordering::Release);
        Busy(self.clone())
    }

    /// Returns how many requests came, when all of them have been answered.
    pub(super) fn at_rest(&self) -> Option<u64> {
        (!self.busy.load(Ordering::Acquire)).then(|| self.requests.load(Ordering::Acquire))
    }
}

/// The time in which a request is answered.
pub(super) struct Busy(Arc<Progress>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
    }
}

/// The body of an answer: the request is answered when it has been sent.
pub(super) struct BusyBody {
    inner: Body,
    _busy: Busy,
}

impl BusyBody {
    pub(super) fn new(inner: Body, busy: Busy) -> BusyBody {
        BusyBody { inner, _busy: busy }
    }
}

impl HttpBody for BusyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What the client has to do next, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Nothing: a request is being answered.
    None,
    /// Begin a request.
    Idle(Instant),
    /// Finish a head.
    Head(Instant),
}

/// See the module.
pub(super) struct TimedStream<S> {
    inner: S,
    progress: Arc<Progress>,
    head_timeout: Duration,
    idle_timeout: Duration,
    wait: Wait,
    /// The requests of which is known that their head arrived.
    requests: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> TimedStream<S> {
    /// The first head is due from now on.
    pub(super) fn new(
        inner: S,
        progress: Arc<Progress>,
        head_timeout: Duration,
        idle_timeout: Duration,
    ) -> TimedStream<S> {
        let wait = Wait::Head(Instant::now() + head_timeout);
        TimedStream { inner, progress, head_timeout, idle_timeout, wait, requests: 0, timer: None }
    }

    /// Returns the stream inside.
    pub(super) fn into_inner(self) -> S {
        self.inner
    }

    /// Tells whether a request is being answered; forgets the wait for a head that has arrived.
    fn is_busy(&mut self) -> bool {
        let requests = self.progress.requests.load(Ordering::Acquire);
        if requests != self.requests {
            self.requests = requests;
            self.wait = Wait::None;
        }
        self.progress.busy.load(Ordering::Acquire)
    }

    /// Something was read.
    fn received(&mut self) {
        if self.is_busy() {
            self.wait = Wait::None;
        } else if !matches!(self.wait, Wait::Head(_)) {
            self.wait = Wait::Head(Instant::now() + self.head_timeout);
        }
    }

    /// Nothing could be read: is it time to give up?
    fn poll_timeout(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_busy() {
            self.wait = Wait::None;
            return Poll::Pending;
        }
        let due = match self.wait {
            Wait::Idle(due) | Wait::Head(due) => due,
            Wait::None => {
                let due = Instant::now() + self.idle_timeout;
                self.wait = Wait::Idle(due);
                due
            }
        };
        loop {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            ready!(timer.as_mut().poll(context));
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.inner).poll_read(context, buffer) {
            Poll::Ready(result) => {
                if buffer.filled().len() > before {
                    self.received();
                }
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_timeout(context).map(|()| Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
