//! Which HTTP is spoken, and over how many connections, with a server that nobody here wrote.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use adapters::{Dialect, HttpOptions};
use connector::{AllocationId, Reply, Tokens};
use http_body_util::Full;
use hyper::{Request, Response, Version, body::Bytes, header, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{
    talk::{self, Talk, infer},
    tls::{HERE, Identity, in_file},
};

const AT_ONCE: usize = 8;
const COMPLETION: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n\
    data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[test]
fn http_2_is_spoken_where_it_is_offered_on_one_connection() {
    let (versions, connections) = asked_of_a_server_that_offers(&[b"h2", b"http/1.1"]);
    assert_eq!(versions, [Version::HTTP_2; 3 + AT_ONCE]);
    assert_eq!(connections, 1);
}

#[test]
fn http_1_is_spoken_elsewhere_on_a_connection_for_each_question_at_once() {
    for offered in [&[b"http/1.1".as_slice()][..], &[]] {
        let (versions, connections) = asked_of_a_server_that_offers(offered);
        assert_eq!(versions, [Version::HTTP_11; 3 + AT_ONCE]);
        assert_eq!(connections, AT_ONCE, "that of the first three is used again");
    }
}

/// Three questions one after another, then several at once: the versions that they came in, and on how many
/// connections.
fn asked_of_a_server_that_offers(protocols: &[&[u8]]) -> (Vec<Version>, usize) {
    let identity = Identity::new(HERE, |_| ());
    let file = in_file(&identity.authority);
    let mut config = identity.tls.config().as_ref().clone();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let runtime = talk::runtime();
    let listener = runtime.block_on(TcpListener::bind((HERE, 0))).unwrap();
    let base_url = format!("https://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Seen::default());
    runtime.spawn(serve(listener, Arc::new(config).into(), Arc::clone(&seen)));
    let mut talk = Talk::to(
        runtime,
        HttpOptions {
            dialect: Dialect::OpenAi,
            ca_file: Some(file.path().into()),
            ..talk::options(&base_url)
        },
    );
    let share = talk.grant();
    for _ in 0..3 {
        ask(&mut talk, share, 1);
    }
    ask(&mut talk, share, AT_ONCE);
    let versions = seen.versions.lock().unwrap().clone();
    (versions, seen.connections.load(Ordering::Relaxed))
}

/// So many completions at once, all of which are answered.
fn ask(talk: &mut Talk, share: AllocationId, at_once: usize) {
    let tickets: Vec<_> = (0..at_once).map(|_| talk.submit(infer(share, true))).collect();
    for _ in tickets {
        let result = loop {
            if let connector::EventKind::Completed { result, .. } = talk.wait().kind {
                break result;
            }
        };
        match result {
            Ok(Reply::Generated { usage, text }) => {
                assert_eq!((usage.output, text.as_deref()), (Tokens::new(1), Some("hi")));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Debug, Default)]
struct Seen {
    versions: Mutex<Vec<Version>>,
    connections: AtomicUsize,
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, seen: Arc<Seen>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, seen) = (tls.clone(), Arc::clone(&seen));
        seen.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let stream = TokioIo::new(tls.accept(stream).await.unwrap());
            let service = service_fn(move |request: Request<_>| {
                seen.versions.lock().unwrap().push(request.version());
                // Long enough for all that are asked at once to be on their way.
                async {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    let answer =
                        Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
                    Ok::<_, Infallible>(
                        answer.body(Full::new(Bytes::from_static(COMPLETION.as_bytes()))).unwrap(),
                    )
                }
            });
            // It ends when the client does.
            let _ =
                auto::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await;
        });
    }
}
