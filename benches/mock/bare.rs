//! The least that can pace streams: one thread that writes the same bytes onto sockets when they are due.
//!
//! It simulates nothing and knows nothing of HTTP. What its gaps err is the machine's doing and the client's, so it is
//! the yardstick for a server's.

use std::{
    collections::VecDeque,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, TryRecvError, channel},
    thread,
    time::{Duration, Instant},
};

/// A stream and its next token.
struct Stream {
    to: TcpStream,
    due: Instant,
    left: u32,
}

/// Streams of so many tokens, this long apart, for whoever asks; until the process is killed.
pub(crate) fn serve(tokens: u32, period: Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("{}", listener.local_addr().expect("it listens"));
    let ((came, connections), (asked, streams)) = (channel(), channel());
    thread::spawn(move || pace(&streams, period));
    thread::spawn(move || answer(&connections, &asked, tokens, period));
    for connection in listener.incoming() {
        came.send(connection.expect("a connection")).expect("somebody answers");
    }
}

/// Questions come in the order of their connections, each in one piece.
fn answer(
    connections: &Receiver<TcpStream>,
    asked: &Sender<Stream>,
    tokens: u32,
    period: Duration,
) {
    // The role comes before the tokens.
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let head = [head.as_bytes(), &token()].concat();
    for mut to in connections {
        to.set_nodelay(true).expect("a TCP connection");
        if to.read(&mut [0; 4096]).is_ok_and(|bytes| bytes > 0) && to.write_all(&head).is_ok() {
            let due = Instant::now() + period;
            asked.send(Stream { to, due, left: tokens }).expect("it paces");
        }
    }
}

/// All periods are the same: whoever was told last is the last to be told again.
fn pace(asked: &Receiver<Stream>, period: Duration) {
    let (token, mut streams) = (token(), VecDeque::<Stream>::new());
    // The last token, why it ends, and that it does.
    let end = [&token[..], &token, &token, b"0\r\n\r\n"].concat();
    loop {
        match asked.try_recv() {
            Ok(stream) => streams.push_back(stream),
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {}
        }
        let Some(mut next) = streams.pop_front() else {
            thread::sleep(period / 100);
            continue;
        };
        thread::sleep(next.due.saturating_duration_since(Instant::now()));
        next.due += period;
        next.left -= 1;
        let (words, goes_on) = if next.left > 0 { (&token, true) } else { (&end, false) };
        // A client that has had enough hangs up.
        if next.to.write_all(words).is_ok() && goes_on {
            streams.push_back(next);
        }
    }
}

/// As long as one of the mock's.
fn token() -> Vec<u8> {
    let event = r#"data: {"id":"chatcmpl-1234","object":"chat.completion.chunk","created":1795760368,"model":"known","choices":[{"index":0,"delta":{"content":"the "},"finish_reason":null}],"usage":null}"#;
    format!("{:X}\r\n{event}\n\n\r\n", event.len() + 2).into()
}
