//! Turns what the network, TLS and HTTP libraries report into a [`Cause`] and a sentence for a person.
//!
//! Pure: no IO. Called by the parts of the transport; [`super::tls`] words what concerns certificates.

use std::error::Error;
use std::io;

use semnal_core::attempt::Cause;

use super::tls;

/// What Linux says when there is no socket or memory left for us: ENOMEM, ENFILE, EMFILE, ENOBUFS.
const OUT_OF_SOCKETS: [i32; 4] = [12, 23, 24, 105];

/// Why an attempt brought no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// The class of the failure.
    pub(super) cause: Cause,
    /// What exactly happened.
    pub(super) detail: String,
}

impl Failure {
    /// Returns a failure of that cause with its detail.
    pub(super) fn new(cause: Cause, detail: impl Into<String>) -> Failure {
        Failure { cause, detail: detail.into() }
    }

    /// Says why a TCP connection could not be made.
    pub(super) fn of_connect(error: &io::Error) -> Failure {
        if error.raw_os_error().is_some_and(|code| OUT_OF_SOCKETS.contains(&code)) {
            return Failure::new(Cause::NoFreeConnection, error.to_string());
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                Failure::new(Cause::ConnectRefused, "nothing listens at this address")
            }
            io::ErrorKind::TimedOut => Failure::new(Cause::ConnectTimeout, "no answer from this address"),
            _ => Failure::new(Cause::ConnectFailed, error.to_string()),
        }
    }

    /// Says why a request has no answer.
    pub(super) fn of_exchange(error: &hyper::Error) -> Failure {
        // A request that was never written is "canceled", and inside is what happened to the connection.
        let source = error.source();
        if let Some(reason) = source.and_then(|source| source.downcast_ref::<hyper::Error>()) {
            return Failure::of_exchange(reason);
        }
        if error.is_parse() {
            return Failure::new(Cause::ProtocolError, error.to_string());
        }
        if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
            return Failure::new(Cause::ConnectionClosed, "the receiver closed the connection");
        }
        match source.and_then(|source| source.downcast_ref::<io::Error>()) {
            Some(io) => Failure::of_broken_stream(io),
            None => Failure::new(Cause::ProtocolError, error.to_string()),
        }
    }

    fn of_broken_stream(error: &io::Error) -> Failure {
        if let Some(HeadTooLong) = inner(error) {
            return Failure::new(Cause::ProtocolError, HeadTooLong.to_string());
        }
        // A receiver that wants a client certificate says so only after the handshake, in TLS 1.3.
        if let Some(tls) = inner::<rustls::Error>(error) {
            return tls::failure(tls);
        }
        let detail = match error.kind() {
            io::ErrorKind::ConnectionReset => "the receiver reset the connection".to_owned(),
            io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
                "the receiver closed the connection".to_owned()
            }
            _ => error.to_string(),
        };
        Failure::new(Cause::ConnectionClosed, detail)
    }
}

/// Returns the error of type `E` that `error` carries.
pub(super) fn inner<E: Error + 'static>(error: &io::Error) -> Option<&E> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<E>())
}

/// A receiver sent more than is accepted before the end of its answer's head.
#[derive(Debug, thiserror::Error)]
#[error("the answer's head, interim answers included, does not end")]
pub(super) struct HeadTooLong;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_the_system_does_not_give_is_our_failure() {
        let check = |code, expected| {
            assert_eq!(Failure::of_connect(&io::Error::from_raw_os_error(code)).cause, expected, "{code}");
        };
        for code in OUT_OF_SOCKETS {
            check(code, Cause::NoFreeConnection);
        }
        // ENETUNREACH, ECONNREFUSED, ETIMEDOUT
        check(101, Cause::ConnectFailed);
        check(111, Cause::ConnectRefused);
        check(110, Cause::ConnectTimeout);
    }
}
