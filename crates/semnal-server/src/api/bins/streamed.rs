//! Bodies that are made piece by piece while they are sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::Frame;

/// A piece in the making, and the state after it.
pub(crate) type Step<S> = Pin<Box<dyn Future<Output = Option<(Bytes, S)>> + Send>>;

/// A body whose next piece comes from the state that the one before left.
pub(crate) struct Streamed<S, F> {
    step: Option<Step<S>>,
    make: F,
}

impl<S, F: Fn(S) -> Step<S>> Streamed<S, F> {
    /// Begins with a state; `make` makes the next piece of it, or nothing at the end.
    pub(crate) fn new(state: S, make: F) -> Streamed<S, F> {
        Streamed { step: Some(make(state)), make }
    }
}

impl<S: Send + Unpin + 'static, F: Fn(S) -> Step<S> + Unpin> HttpBody for Streamed<S, F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(step) = &mut self.step else { return Poll::Ready(None) };
        let made = ready!(step.as_mut().poll(context));
        self.step = None;
        Poll::Ready(made.map(|(piece, state)| {
            self.step = Some((self.make)(state));
            Ok(Frame::data(piece))
        }))
    }
}
