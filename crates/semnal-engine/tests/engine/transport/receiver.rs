//! A receiver that does what a script says, byte for byte, on a port of its own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Listens until it is dropped. Each connection is handed to the script on a thread of its own.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    stopping: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Starts a receiver that speaks plain TCP.
    pub(crate) fn start(script: impl Fn(Peer) + Send + Sync + 'static) -> Receiver {
        Receiver::listen(None, script)
    }

    /// Starts a receiver that speaks TLS.
    pub(crate) fn start_tls(
        config: Arc<ServerConfig>,
        script: impl Fn(Peer) + Send + Sync + 'static,
    ) -> Receiver {
        Receiver::listen(Some(config), script)
    }

    /// Starts a receiver that answers every request with `answer`.
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Receiver {
        Receiver::start(answer_all(answer))
    }

    fn listen(tls: Option<Arc<ServerConfig>>, script: impl Fn(Peer) + Send + Sync + 'static) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let listening = std::thread::spawn({
            let (connections, requests, stopping) =
                (Arc::clone(&connections), Arc::clone(&requests), Arc::clone(&stopping));
            let script = Arc::new(script);
            move || {
                while let Ok((socket, _)) = listener.accept() {
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    let number = connections.fetch_add(1, Ordering::SeqCst) + 1;
                    let requests = Arc::clone(&requests);
                    let (script, tls) = (Arc::clone(&script), tls.clone());
                    std::thread::spawn(move || {
                        let stream = match tls {
                            None => Wire::Plain(socket),
                            Some(config) => {
                                let session = ServerConnection::new(config).unwrap();
                                Wire::Tls(Box::new(StreamOwned::new(session, socket)))
                            }
                        };
                        script(Peer { stream, number, requests });
                    });
                }
            }
        });
        Receiver { address, connections, requests, stopping, listening: Some(listening) }
    }

    /// How many connections were made to it.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The requests that scripts have read, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|request| String::from_utf8_lossy(request).into_owned()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            listening.join().unwrap();
        }
    }
}

/// A script that answers every request of a connection with `answer`.
pub(crate) fn answer_all(answer: impl Into<Vec<u8>>) -> impl Fn(Peer) + Send + Sync + 'static {
    let answer = answer.into();
    move |mut peer| {
        while peer.read_request() && peer.write(&answer).is_ok() {}
    }
}

/// One connection, as the receiver sees it.
pub(crate) struct Peer {
    stream: Wire,
    /// 1 for the first connection.
    pub(crate) number: usize,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Peer {
    /// Reads one request and notes it; false when the connection ended instead.
    pub(crate) fn read_request(&mut self) -> bool {
        let mut request = Vec::new();
        let head_len = loop {
            if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.read_some(&mut request) {
                return false;
            }
        };
        let body_len = content_length(&request[..head_len]);
        while request.len() < head_len + body_len {
            if !self.read_some(&mut request) {
                return false;
            }
        }
        self.requests.lock().unwrap().push(request);
        true
    }

    /// Waits until the other side closes, whichever way, and returns how many bytes came before.
    pub(crate) fn sees_the_end(&mut self) -> usize {
        let mut rest = Vec::new();
        while self.read_some(&mut rest) {}
        rest.len()
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        match &mut self.stream {
            Wire::Plain(stream) => stream.write_all(bytes.as_ref()),
            Wire::Tls(stream) => stream.write_all(bytes.as_ref()).and_then(|()| stream.flush()),
        }
    }

    /// Closes with a reset instead of an end, by leaving what was sent unread.
    pub(crate) fn reset(self) {
        self.waits_for_bytes();
    }

    /// Waits until something has arrived and leaves it unread.
    pub(crate) fn waits_for_bytes(&self) {
        let Wire::Plain(stream) = &self.stream else { panic!("TLS has no byte that is not read") };
        stream.peek(&mut [0]).unwrap();
    }

    fn read_some(&mut self, into: &mut Vec<u8>) -> bool {
        let mut chunk = [0; 4096];
        let read = match &mut self.stream {
            Wire::Plain(stream) => stream.read(&mut chunk),
            Wire::Tls(stream) => stream.read(&mut chunk),
        };
        match read {
            Ok(0) | Err(_) => false,
            Ok(len) => {
                into.extend_from_slice(&chunk[..len]);
                true
            }
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    value.map_or(0, |value| value.trim().parse().unwrap())
}
