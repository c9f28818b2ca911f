//! What is known about an attempt while it runs, so that a timeout at any moment still tells the whole story.
//!
//! Written by [`super::Transport::send`] and the parts it calls, phase by phase; turned into an
//! [`AttemptResult`] exactly once, at the end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use semnal_core::attempt::{AttemptEnd, AttemptResult, Cause, Phases};

use super::failure::Failure;

/// The phases of an attempt, in order. A kept connection starts at `Waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for a place among the open connections.
    Queueing,
    /// Asks DNS.
    Resolving,
    /// Opens a TCP connection.
    Connecting,
    /// Runs the TLS handshake.
    Handshaking,
    /// Sends the request and waits for the answer's head.
    Waiting,
    /// Has the head and reads the body.
    Reading,
}

/// An answer whose head has arrived; its body grows.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// Headers in order, names as received.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    /// The body as far as it was read and kept.
    pub(super) body: Vec<u8>,
    /// Whether the body's end has been seen.
    pub(super) complete: bool,
}

/// The record of a running attempt.
#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    phase: Phase,
    phase_started: Instant,
    address: Option<SocketAddr>,
    phases: Phases,
    answer: Option<Answer>,
}

impl Progress {
    /// Starts the record of an attempt.
    pub(super) fn start() -> Progress {
        let now = Instant::now();
        Progress {
            started: now,
            phase: Phase::Queueing,
            phase_started: now,
            address: None,
            phases: Phases::default(),
            answer: None,
        }
    }

    /// Ends the current phase and begins `phase`.
    pub(super) fn enter(&mut self, phase: Phase) {
        let now = Instant::now();
        self.close_phase(now);
        self.phase = phase;
        self.phase_started = now;
    }

    /// Begins with a new connection; what is known of a kept one that turned out closed is forgotten.
    pub(super) fn start_over(&mut self) {
        self.enter(Phase::Queueing);
        self.address = None;
        self.phases = Phases::default();
    }

    /// Notes the address that is dialled, or that a kept connection was dialled to.
    pub(super) fn dialled(&mut self, address: SocketAddr) {
        self.address = Some(address);
    }

    /// Notes the head of the answer; the body comes next.
    pub(super) fn answered(&mut self, status: u16, headers: Vec<(String, Vec<u8>)>) -> &mut Answer {
        self.enter(Phase::Reading);
        self.answer.insert(Answer { status, headers, body: Vec::new(), complete: false })
    }

    /// Ends an attempt that ran to its own end.
    pub(super) fn finish(self, ended: Result<(), Failure>) -> AttemptResult {
        match ended {
            Ok(()) => self.result(None),
            Err(failure) => self.result(Some(failure)),
        }
    }

    /// Ends an attempt whose budget `total` has passed. An answer whose head is here counts as it is.
    pub(super) fn finish_late(self, total: Duration) -> AttemptResult {
        let failure = match self.phase {
            Phase::Queueing => {
                Failure::new(Cause::NoFreeConnection, format!("no connection became free within {total:?}"))
            }
            Phase::Resolving => Failure::new(Cause::DnsTimeout, format!("no answer within {total:?}")),
            Phase::Connecting => {
                Failure::new(Cause::ConnectTimeout, format!("no connection within {total:?}"))
            }
            Phase::Handshaking => {
                Failure::new(Cause::TlsFailed, format!("the handshake did not end within {total:?}"))
            }
            Phase::Waiting | Phase::Reading => {
                Failure::new(Cause::ResponseTimeout, format!("no answer within {total:?}"))
            }
        };
        self.result(Some(failure))
    }

    /// A status that arrived outranks whatever went wrong after it.
    fn result(mut self, failure: Option<Failure>) -> AttemptResult {
        let now = Instant::now();
        self.close_phase(now);
        self.phases.total_us = Phases::micros(now - self.started);
        if let Some(answer) = self.answer {
            return AttemptResult {
                end: AttemptEnd::Answered(answer.status),
                address: self.address,
                phases: self.phases,
                response_headers: answer.headers,
                response_body: answer.body,
                response_truncated: !answer.complete,
            };
        }
        let failure = failure.unwrap_or_else(|| Failure::new(Cause::ConnectionClosed, "no answer came"));
        let failed = AttemptResult::failed(failure.cause, failure.detail, self.phases);
        AttemptResult { address: self.address, ..failed }
    }

    fn close_phase(&mut self, now: Instant) {
        let length = Some(Phases::micros(now - self.phase_started));
        match self.phase {
            Phase::Resolving => self.phases.dns_us = length,
            Phase::Connecting => self.phases.connect_us = length,
            Phase::Handshaking => self.phases.tls_us = length,
            Phase::Waiting => self.phases.wait_us = length,
            Phase::Queueing | Phase::Reading => {}
        }
    }
}
