use crate::binary::{Desk, Ran, Running, SMALL};

/// The address that a mock says it listens on.
pub(super) fn address(mock: &mut Running) -> String {
    let line = mock.line_with("serving");
    line.rsplit(' ').next().unwrap().to_owned()
}

/// A mock of the scenario on any free port, and its address.
fn mock(desk: &Desk, key: Option<&str>) -> (Running, String) {
    let mut command = desk.command(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
    if let Some(key) = key {
        command.env("HOSTED_AI_API_KEY", key);
    }
    let mut mock = Running::start(&mut command);
    let address = address(&mut mock);
    (mock, address)
}

fn run_live(desk: &Desk, url: &str, key: Option<&str>) -> Ran {
    let short = ["run", "scenario.yaml", "--set", "duration=1s", "--quiet", "--live", url];
    let mut command = desk.command(&short);
    if let Some(key) = key {
        command.env("HOSTED_AI_API_KEY", key);
    }
    Running::start(&mut command).finish()
}

#[test]
fn the_same_scenario_runs_over_http_and_leaves_nothing_held() {
    let desk = Desk::with_scenario(SMALL);
    let (mock, url) = mock(&desk, None);
    let ran = run_live(&desk, &url, None);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    for told in ["inter-token latency", "behind schedule by", " 0 dropped"] {
        assert!(ran.stdout.contains(told), "{}", ran.stdout);
    }
    for only_simulated in ["prompt blocks", "recomputed"] {
        assert!(!ran.stdout.contains(only_simulated), "{}", ran.stdout);
    }
    mock.interrupt();
    let mock = mock.finish();
    assert_eq!(mock.code, Some(0), "{}", mock.stderr);
    assert!(mock.stderr.ends_with(" 0 given back at the end\n"), "{}", mock.stderr);
    assert!(!mock.stderr.contains(" 0 shares granted"), "{}", mock.stderr);
}

#[test]
fn the_endpoint_may_come_from_the_environment() {
    let desk = Desk::with_scenario(SMALL);
    let (mock, url) = mock(&desk, None);
    let mut command = desk.command(&["run", "scenario.yaml", "--set=duration=1s", "--live"]);
    let ran = Running::start(command.env("HOSTED_AI_BASE_URL", url)).finish();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    mock.terminate();
    assert_eq!(mock.finish().code, Some(0));
    let ran = desk.harpoon(&["run", "scenario.yaml", "--live"]);
    insta::assert_snapshot!(ran.refusal(), @r"
    error: --live without a URL, and HOSTED_AI_BASE_URL is not set
    help: give the endpoint: --live https://host
    exit code 2
    ");
}

#[test]
fn the_right_key_opens_and_a_wrong_or_missing_one_is_told_from_the_start() {
    let desk = Desk::with_scenario(SMALL);
    let (mock, url) = mock(&desk, Some("a right key"));
    assert_eq!(run_live(&desk, &url, Some("a right key")).code, Some(0));
    let wrong = run_live(&desk, &url, Some("another key")).refusal().replace(&url, "URL");
    insta::assert_snapshot!(wrong, @r"
    error: endpoint `URL` cannot be used: unauthorized: the API key is missing or wrong
    help: put the right key into the environment as HOSTED_AI_API_KEY; it is never shown
    exit code 1
    ");
    let missing = run_live(&desk, &url, None).refusal().replace(&url, "URL");
    assert_eq!(missing, wrong);
    assert_eq!(run_live(&desk, &url, Some("")).refusal().replace(&url, "URL"), wrong);
    mock.interrupt();
    assert_eq!(mock.finish().code, Some(0));
}

#[test]
fn an_endpoint_that_is_down_fails_the_run() {
    let desk = Desk::with_scenario(SMALL);
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let refused = run_live(&desk, &url, None).refusal().replace(&url, "URL");
    insta::assert_snapshot!(refused, @r"
    error: endpoint `URL` cannot be used: unavailable: tcp connect error: Connection refused (os error 111)
    help: check the address and that the endpoint is up; `harpoon mock` serves one to try with
    exit code 1
    ");
}

#[test]
fn an_endpoint_of_another_kind_fails_the_run() {
    let desk = Desk::with_scenario(SMALL);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut client, _) = listener.accept().unwrap();
        let _ = client.read(&mut [0; 4096]).unwrap();
        let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 12\r\n\r\n<html>\u{1b}[2J\r\n";
        client.write_all(page.as_bytes()).unwrap();
    });
    let refused = run_live(&desk, &url, None).refusal().replace(&url, "URL");
    server.join().unwrap();
    insta::assert_snapshot!(refused, @r"
    error: endpoint `URL` cannot be used: protocol: HTTP 200, but expected value at line 1 column 1
    help: check that the address is that of an endpoint which speaks this dialect
    exit code 1
    ");
}

#[test]
fn an_address_that_is_none_is_bad_input() {
    let desk = Desk::with_scenario(SMALL);
    let refusals: Vec<String> =
        ["nonsense", "ftp://host", "http://user:sekret@host", "http://[::1"]
            .map(|url| run_live(&desk, url, None).refusal())
            .into();
    insta::assert_snapshot!(refusals.join("\n\n"), @r"
    error: base URL `nonsense` is not a URL: relative URL without a base
    help: write the endpoint as https://host, https://host:port or https://host/prefix
    exit code 2

    error: base URL `ftp://host` must be `https://host[:port][/prefix]` or the same with `http`
    help: write the endpoint as https://host, https://host:port or https://host/prefix
    exit code 2

    error: the base URL holds a user name or password; give the key on its own instead
    help: put the key into the environment as HOSTED_AI_API_KEY
    exit code 2

    error: base URL `http://[::1` is not a URL: invalid IPv6 address
    help: write the endpoint as https://host, https://host:port or https://host/prefix
    exit code 2
    ");
}

#[test]
fn a_key_does_not_travel_unencrypted_unless_told_to() {
    let desk = Desk::with_scenario(SMALL);
    let refused = run_live(&desk, "http://gpu.example.com", Some("sekret"));
    insta::assert_snapshot!(refused.refusal(), @r"
    error: an API key would travel unencrypted to `gpu.example.com`; use https
    help: use https, or add --allow-plaintext-key where the way there is encrypted otherwise
    exit code 2
    ");
}

#[test]
fn a_live_run_is_not_replicated() {
    let desk = Desk::with_scenario(SMALL);
    let arguments = ["run", "scenario.yaml", "--replications", "2", "--live", "http://127.0.0.1:1"];
    insta::assert_snapshot!(desk.harpoon(&arguments).refusal(), @r"
    error: a live run happens once, but 2 replications are asked for
    help: add --replications 1
    exit code 2
    ");
}

#[test]
fn a_port_in_use_fails_the_mock() {
    let desk = Desk::with_scenario(SMALL);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = desk.harpoon(&["mock", "scenario.yaml", "--listen", &address]);
    insta::assert_snapshot!(refused.refusal().replace(&address, "ADDRESS"), @r"
    error: cannot listen on ADDRESS: Address already in use (os error 98)
    help: choose another --listen; port 0 takes a free one
    exit code 1
    ");
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
