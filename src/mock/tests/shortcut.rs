//! Tokens written past the HTTP server.

use std::{future::poll_fn, pin::Pin};

use axum::serve::Listener;
use tokio::io::AsyncWrite;

use super::{
    super::shortcut::{Connection, Connections, Sent, Shortcut},
    *,
};

#[tokio::test]
async fn a_chunk_passes_only_while_the_server_has_nothing_left_to_write() {
    let (mut connection, shortcut, mut client) = connected().await;
    assert_eq!(shortcut.send(b"early"), Sent::Refused);
    flush(&mut connection).await;
    assert_eq!(shortcut.send(b"one "), Sent::Whole);
    shortcut.close();
    assert_eq!(shortcut.send(b"between"), Sent::Refused);
    connection.write_all(b"two ").await.unwrap();
    flush(&mut connection).await;
    assert_eq!(shortcut.send(b"three"), Sent::Whole);
    drop((connection, shortcut));
    let mut read = String::new();
    client.read_to_string(&mut read).await.unwrap();
    assert_eq!(read, "one two three");
}

#[tokio::test]
async fn the_rest_of_a_chunk_goes_before_what_the_server_writes() {
    let (mut connection, shortcut, mut client) = connected().await;
    flush(&mut connection).await;
    let chunk: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 16).collect();
    let mut sent = Vec::new();
    let last = loop {
        match shortcut.send(&chunk) {
            Sent::Whole => sent.extend_from_slice(&chunk),
            last @ (Sent::InPart | Sent::Refused) => break last,
        }
    };
    if last == Sent::InPart {
        sent.extend_from_slice(&chunk);
        assert_eq!(shortcut.send(b"!"), Sent::Refused, "one chunk may be left at most");
    }
    sent.extend_from_slice(b"end");
    let writes = async {
        connection.write_all(b"end").await.unwrap();
        connection.shutdown().await.unwrap();
    };
    let mut read = Vec::new();
    let ((), length) = tokio::join!(writes, client.read_to_end(&mut read));
    assert!(length.unwrap() == sent.len() && read == sent);
}

#[tokio::test]
async fn a_client_that_reads_late_gets_every_token_in_order() {
    let mock = Mock::start(|options| options.speed = 1_000.0).await;
    let asked = json!({"model": "gemma-270m", "prompt": "", "max_tokens": 100_000, "stream": true});
    let mut connection = mock.send("POST", "/v1/completions", "", &asked.to_string()).await;
    let (mut answer, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    // It reads nothing while others are answered, as long as it has not got everything.
    while let read @ 1.. = connection.read(&mut piece).await.unwrap() {
        answer.extend_from_slice(&piece[..read]);
        mock.ask("GET", "/v1/pools", "", "").await;
    }
    let answer = String::from_utf8(answer).unwrap();
    let body = dechunked(answer.split_once("\r\n\r\n").unwrap().1);
    let words = body.split("\n\n").filter_map(|event| event.strip_prefix("data: {"));
    let text: String = words
        .filter_map(|rest| serde_json::from_str::<Value>(&format!("{{{rest}")).ok())
        .filter_map(|chunk| chunk["choices"][0]["text"].as_str().map(Into::<String>::into))
        .collect();
    assert!(text == filler::text(100_000), "{} bytes", text.len());
    assert!(body.ends_with("data: [DONE]\n\n"));
    mock.stop().await;
}

#[tokio::test]
async fn an_answer_to_http_1_0_has_no_chunks() {
    let mock = Mock::start(|_| ()).await;
    let asked = json!({"model": "gemma-270m", "prompt": "", "max_tokens": 50, "stream": true});
    let asked = asked.to_string();
    let mut connection = TcpStream::connect(mock.address).await.unwrap();
    let length = asked.len();
    let head = format!("POST /v1/completions HTTP/1.0\r\ncontent-length: {length}\r\n\r\n");
    connection.write_all(format!("{head}{asked}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("chunked"), "{head}");
    assert_eq!(body.matches("\"text\"").count(), 51, "{body}");
    assert!(body.split("\n\n").all(|event| event.is_empty() || event.starts_with("data: ")));
    mock.stop().await;
}

/// A connection as the server has it, and its other end.
async fn connected() -> (Connection, Shortcut, TcpStream) {
    let mut connections = Connections(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = connections.local_addr().unwrap();
    let (accepted, client) = tokio::join!(connections.accept(), TcpStream::connect(address));
    let (connection, _) = accepted;
    let shortcut = connection.shortcut().clone();
    (connection, shortcut, client.unwrap())
}

async fn flush(connection: &mut Connection) {
    poll_fn(|context| Pin::new(&mut *connection).poll_flush(context)).await.unwrap();
}
