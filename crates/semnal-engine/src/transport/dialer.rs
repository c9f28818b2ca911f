//! Opens TCP connections: the only place of the project from which one leaves for a receiver.
//!
//! It is given addresses that were judged, all of them, and dials those and no others; a host name never comes
//! here, so nothing is resolved a second time. Proxies named in the environment are not read.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use semnal_core::attempt::Cause;
use tokio::net::TcpStream;

use super::failure::Failure;
use super::progress::Progress;
use super::within;
use crate::clock::Clock;

/// 5 s for a TCP connection, all addresses of the host together (DESIGN 5).
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How an address is dialled.
#[derive(Clone)]
pub enum Dialer {
    /// As it is.
    Tcp,
    /// For tests: the function names a listener that stands in for the address. The address itself stays the
    /// one that is judged and recorded.
    Mapped(Arc<dyn Fn(SocketAddr) -> SocketAddr + Send + Sync>),
}

impl Dialer {
    /// Dials `addresses` in order until one answers and returns that connection with its address.
    ///
    /// Each address gets an equal share of what is left of `limit`, so that one that swallows packets leaves
    /// time for the next. The failure of the last address is the one reported.
    pub(super) async fn connect(
        &self,
        addresses: &[SocketAddr],
        limit: Duration,
        clock: &Clock,
        progress: &mut Progress,
    ) -> Result<(TcpStream, SocketAddr), Failure> {
        let give_up_at = clock.now() + limit;
        let mut failure = Failure::new(Cause::ConnectFailed, "no address to dial");
        for (index, address) in addresses.iter().enumerate() {
            progress.dialled(*address);
            let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            let share = give_up_at.since(clock.now()) / left;
            failure = match within(clock, share, self.dial(*address)).await {
                Some(Ok(stream)) => return Ok((stream, *address)),
                Some(Err(error)) => Failure::of_connect(&error),
                None => Failure::new(Cause::ConnectTimeout, format!("no connection within {share:?}")),
            };
        }
        Err(failure)
    }

    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let target = match self {
            Dialer::Tcp => address,
            Dialer::Mapped(map) => map(address),
        };
        let stream = TcpStream::connect(target).await?;
        let peer = stream.peer_addr()?;
        if peer.ip() != target.ip() || peer.port() != target.port() {
            return Err(io::Error::other("the connection does not lead to the address that was dialled"));
        }
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dialer::Tcp => "Tcp",
            Dialer::Mapped(_) => "Mapped",
        })
    }
}
