//! A scripted HTTP server: raw TCP, so that it can break every rule.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    runtime::Handle,
};
use tokio_rustls::TlsAcceptor;

/// What is done about one request, in the order in which requests come.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Write this and await the next request.
    Answer(Vec<u8>),
    /// Write this and close the connection.
    Close(Vec<u8>),
    /// Write this and then nothing for ever.
    Stall(Vec<u8>),
    /// Write this, then one byte of it now and again, for ever.
    Trickle(&'static [u8], u8),
    /// Write the first, then the second over and over.
    Flood(Vec<u8>, Vec<u8>),
}

/// The server and what it saw.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Seen>,
}

/// What is done about requests that no script is about.
type Habit = Box<dyn FnMut(&str) -> Act + Send>;

#[derive(Default)]
struct Seen {
    script: Mutex<VecDeque<Act>>,
    habit: Mutex<Option<Habit>>,
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    hung_up: tokio::sync::Notify,
    written: AtomicUsize,
    /// Floods that nobody has hung up on.
    floods: AtomicUsize,
}

impl Server {
    /// Serves on a free port of this machine.
    pub(crate) fn start(runtime: &Handle, script: impl IntoIterator<Item = Act>) -> Self {
        Self::serve(runtime, None, script)
    }

    /// The same behind TLS.
    pub(crate) fn start_tls(
        runtime: &Handle,
        tls: TlsAcceptor,
        script: impl IntoIterator<Item = Act>,
    ) -> Self {
        Self::serve(runtime, Some(tls), script)
    }

    fn serve(
        runtime: &Handle,
        tls: Option<TlsAcceptor>,
        script: impl IntoIterator<Item = Act>,
    ) -> Self {
        let listener =
            std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a listener can be set so");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().expect("it is bound"));
        let seen = Arc::new(Seen::default());
        seen.script.lock().expect("no holder panics").extend(script);
        let shared = Arc::clone(&seen);
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("it does not block");
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (seen, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => attend(stream, seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                attend(stream, seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { url, seen }
    }

    /// What is done once the script is over, from now on.
    pub(crate) fn then(&self, habit: impl FnMut(&str) -> Act + Send + 'static) {
        *self.seen.habit.lock().expect("no holder panics") = Some(Box::new(habit));
    }

    /// What is done from now on, whatever the script.
    pub(crate) fn instead(&self, habit: impl FnMut(&str) -> Act + Send + 'static) {
        self.seen.script.lock().expect("no holder panics").clear();
        self.then(habit);
    }

    /// Requests in the order in which they came, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().expect("no holder panics").clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Bytes written by floods.
    pub(crate) fn written(&self) -> usize {
        self.seen.written.load(Ordering::SeqCst)
    }

    /// Waits until nobody reads a flood any more.
    pub(crate) async fn ebbs(&self) {
        while self.seen.floods.load(Ordering::SeqCst) > 0 {
            self.hung_up().await;
        }
    }

    /// Waits until a client hangs up on a stalled answer.
    pub(crate) async fn hung_up(&self) {
        self.seen.hung_up.notified().await;
    }
}

impl Seen {
    fn act(&self, request: String) -> Option<Act> {
        let scripted = self.script.lock().expect("no holder panics").pop_front();
        let mut habit = self.habit.lock().expect("no holder panics");
        let act = scripted.or_else(|| habit.as_mut().map(|habit| habit(&request)));
        self.requests.lock().expect("no holder panics").push(request);
        act
    }
}

async fn attend(mut stream: impl AsyncRead + AsyncWrite + Unpin, seen: Arc<Seen>) {
    while let Some(request) = read_request(&mut stream).await {
        let Some(act) = seen.act(request) else { return };
        let done = match act {
            Act::Answer(bytes) => stream.write_all(&bytes).await.is_err(),
            Act::Close(bytes) => {
                let _ = stream.write_all(&bytes).await;
                true
            }
            Act::Stall(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.read(&mut [0; 64]).await;
                seen.hung_up.notify_one();
                true
            }
            Act::Trickle(first, byte) => {
                let _ = stream.write_all(first).await;
                let mut pause = tokio::time::interval(Duration::from_millis(5));
                while stream.write_all(&[byte]).await.is_ok() {
                    pause.tick().await;
                }
                true
            }
            Act::Flood(first, rest) => {
                seen.floods.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(&first).await;
                while stream.write_all(&rest).await.is_ok() {
                    seen.written.fetch_add(rest.len(), Ordering::SeqCst);
                }
                seen.floods.fetch_sub(1, Ordering::SeqCst);
                seen.hung_up.notify_one();
                true
            }
        };
        if done {
            return;
        }
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0_usize) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// An answer with a body of this type and its length.
pub(crate) fn answer(status: u16, kind: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: &str) -> Vec<u8> {
    answer(status, "application/json", body)
}

/// A grant of this share.
pub(crate) fn grant(id: &str) -> Act {
    Act::Answer(json(200, &format!(r#"{{"allocation_id":"{id}"}}"#)))
}

/// The head of a stream whose end is the end of the connection.
pub(crate) const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// A stream of these events, of known end.
pub(crate) fn stream(events: &[&str]) -> Vec<u8> {
    let body = format!("data: {}\n\n", events.join("\n\ndata: "));
    answer(200, "text/event-stream; charset=utf-8", body)
}
