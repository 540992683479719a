//! Which HTTP is spoken, and over how many connections, with a server that nobody here wrote.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use adapters::{Dialect, HttpOptions};
use connector::{AllocationId, EventKind, Reply, Tokens};
use http_body_util::Full;
use hyper::{Request, Response, Version, body::Bytes, header, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, sync::Barrier};
use tokio_rustls::TlsAcceptor;

use crate::{
    talk::{self, Talk, infer},
    tls::{HERE, Identity, in_file},
};

const ONE_BY_ONE: usize = 3;
const AT_ONCE: usize = 8;
const COMPLETION: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n\
    data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[test]
fn http_2_is_spoken_where_it_is_offered_on_one_connection() {
    let (versions, connections) = asked_of_a_server_that_offers(&[b"h2", b"http/1.1"]);
    assert_eq!(versions, [Version::HTTP_2; ONE_BY_ONE + AT_ONCE]);
    assert_eq!(connections, 1);
}

#[test]
fn http_1_is_spoken_elsewhere_on_a_connection_for_each_question_at_once() {
    for offered in [&[b"http/1.1".as_slice()][..], &[]] {
        let (versions, connections) = asked_of_a_server_that_offers(offered);
        assert_eq!(versions, [Version::HTTP_11; ONE_BY_ONE + AT_ONCE]);
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
    let seen = Arc::new(Seen {
        versions: Mutex::default(),
        connections: AtomicUsize::new(0),
        together: Barrier::new(AT_ONCE),
    });
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
    for _ in 0..ONE_BY_ONE {
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
            if let EventKind::Completed { result, .. } = talk.wait().kind {
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

/// What came to the server.
#[derive(Debug)]
struct Seen {
    versions: Mutex<Vec<Version>>,
    connections: AtomicUsize,
    /// Where those wait that are asked at once, until all are there.
    together: Barrier,
}

impl Seen {
    async fn answer(self: Arc<Self>, asked: Version) -> Response<Full<Bytes>> {
        let number = {
            let mut versions = self.versions.lock().unwrap();
            versions.push(asked);
            versions.len()
        };
        if number > ONE_BY_ONE {
            self.together.wait().await;
        }
        let answer = Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
        answer.body(Full::from(COMPLETION)).unwrap()
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, seen: Arc<Seen>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, seen) = (tls.clone(), Arc::clone(&seen));
        seen.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let stream = TokioIo::new(tls.accept(stream).await.unwrap());
            let service = service_fn(move |request: Request<_>| {
                let answer = Arc::clone(&seen).answer(request.version());
                async { Ok::<_, Infallible>(answer.await) }
            });
            // It ends when the client does.
            let _ =
                auto::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await;
        });
    }
}
