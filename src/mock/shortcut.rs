//! Bytes written onto a connection past the HTTP server.
//!
//! # Problem
//!
//! A token that goes through the task of its connection costs a wake-up on another thread and a turn of the
//! server's state machine, which is as much as the system takes to send it. And of a thousand tokens that are
//! due at once each is sent when its task gets a turn, in another order every time, so that the gaps in
//! a stream vary by what sending all of them takes.
//!
//! # Mechanism
//!
//! The HTTP server reads and writes a [`Connection`]. Whoever has its [`Shortcut`] may put chunks of the chunked
//! coding (RFC 9112, 7.1) between those of the server, as long as the server has nothing left to write.
//! That is known from what it does: it flushes a connection after its last byte. Whoever gives it more closes
//! the shortcut before ([`Shortcut::close`]), and the next flush opens it.
//!
//! # Edges
//!
//! * Only answers in the chunked coding can be written so: not those to HTTP/1.0 ([`Way`]).
//! * A client that does not read blocks nobody: what does not fit is refused and goes the server's way, and
//!   of a chunk that fits in part the server's next flush sends the rest.
//! * Connections do not take several buffers at once, so the server makes one of them: for answers as short as
//!   these to copy them costs less than the system does for a list.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, connect_info::Connected},
    http::{Version, request::Parts},
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{
        TcpListener,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// Accepts connections with a shortcut.
#[derive(Debug)]
pub(super) struct Connections(pub(super) TcpListener);

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, from) = Listener::accept(&mut self.0).await;
        // Without it every short answer waits some 40 ms for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
        let (read, half) = stream.into_split();
        let writing = Writing { half, rest: Vec::new(), is_open: false };
        (Connection { read, shortcut: Shortcut(Arc::new(Mutex::new(writing))) }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// What the HTTP server reads and writes.
#[derive(Debug)]
pub(super) struct Connection {
    read: OwnedReadHalf,
    shortcut: Shortcut,
}

impl Connection {
    pub(super) const fn shortcut(&self) -> &Shortcut {
        &self.shortcut
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(context, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut writing = self.shortcut.writing();
        ready!(writing.poll_rest(context))?;
        Pin::new(&mut writing.half).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut writing = self.shortcut.writing();
        ready!(writing.poll_rest(context))?;
        writing.is_open = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut writing = self.shortcut.writing();
        ready!(writing.poll_rest(context))?;
        Pin::new(&mut writing.half).poll_shutdown(context)
    }
}

/// The way past the server. See the module text.
#[derive(Clone, Debug)]
pub(super) struct Shortcut(Arc<Mutex<Writing>>);

#[derive(Debug)]
struct Writing {
    half: OwnedWriteHalf,
    /// What did not fit of a chunk that was begun.
    rest: Vec<u8>,
    /// The server has written all that it was given.
    is_open: bool,
}

/// What became of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Whole,
    /// The rest goes with the server's next flush, which somebody has to see to.
    InPart,
    /// Nothing of it.
    Refused,
}

impl Shortcut {
    /// The server is given something to write.
    pub(super) fn close(&self) {
        self.writing().is_open = false;
    }

    /// Writes as much as fits of a chunk with its frame. Does not wait.
    pub(super) fn send(&self, chunk: &[u8]) -> Sent {
        let mut writing = self.writing();
        if !writing.is_open || !writing.rest.is_empty() {
            return Sent::Refused;
        }
        match writing.half.try_write(chunk) {
            Ok(sent) if sent == chunk.len() => Sent::Whole,
            Ok(sent) => {
                writing.rest.extend_from_slice(&chunk[sent..]);
                Sent::InPart
            }
            // Also a connection that is gone: the server finds that out by itself.
            Err(_) => Sent::Refused,
        }
    }

    /// Nobody panics with the lock, and if somebody did, the worst is a broken connection.
    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let sent = ready!(Pin::new(&mut self.half).poll_write(context, &self.rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }
}

impl Connected<IncomingStream<'_, Connections>> for Shortcut {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        stream.io().shortcut().clone()
    }
}

/// The way that the answer to a request may take besides the server's own.
#[derive(Clone, Debug)]
pub(super) struct Way(pub(super) Option<Shortcut>);

impl<S: Sync> FromRequestParts<S> for Way {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let shortcut = parts.extensions.get::<ConnectInfo<Shortcut>>();
        let shortcut = shortcut.filter(|_| parts.version == Version::HTTP_11);
        Ok(Self(shortcut.map(|ConnectInfo(shortcut)| shortcut.clone())))
    }
}
