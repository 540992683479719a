//! The built binary, run as a person or a pipeline would.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A process that takes longer is killed, and its test fails.
const LONGEST: Duration = Duration::from_mins(1);

/// A scenario that is simulated in no time: one pool, one model, five requests a second.
pub(crate) const SMALL: &str = "\
name: small
seed: 3
duration: 20s
provider:
  pools:
    - { name: cards, gpu: L4, count: 4, sharing_ratio: 4, price_per_slot_hour: 1.00 }
models:
  - name: tiny
    requirements: { tflops: 10 TFLOPS, vram: 4 GiB }
    timing: { linear: { base: 2ms } }
traffic:
  - name: chat
    arrivals: { poisson: { rate: 5/s } }
    prompt_tokens: 64
    output_tokens: 8
objectives:
  - error_rate < 1%
";

/// A directory of its own to run in.
pub(crate) struct Desk(TempDir);

impl Desk {
    /// With nothing in it.
    pub(crate) fn empty() -> Self {
        Self(TempDir::new().expect("the system has a directory for temporary files"))
    }

    /// With `scenario.yaml` in it.
    pub(crate) fn with_scenario(text: impl AsRef<[u8]>) -> Self {
        let desk = Self::empty();
        desk.put("scenario.yaml", text);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A command in this directory, with nothing of the outer environment that changes output.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harpoon"));
        command.args(arguments);
        self.set_up(command)
    }

    /// This command, started by a shell whose script ends in `exec "$@"`.
    pub(crate) fn shell(&self, script: &str, inner: &Command) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(inner.get_program()).args(inner.get_args());
        self.set_up(command)
    }

    fn set_up(&self, mut command: Command) -> Command {
        command
            .current_dir(self.0.path())
            .env_remove("HOSTED_AI_API_KEY")
            .env_remove("HOSTED_AI_BASE_URL")
            .env_remove("OPENAI_API_KEY")
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs to the end.
    pub(crate) fn harpoon(&self, arguments: &[&str]) -> Ran {
        Running::start(&mut self.command(arguments)).finish()
    }

    /// Starts and goes on.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments))
    }
}

/// What a finished process said.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Exit code and stderr in one text, for snapshots.
    pub(crate) fn refusal(&self) -> String {
        assert_eq!(self.stdout, "", "data although nothing could be done");
        let code = self.code.map_or("a signal".to_owned(), |code| code.to_string());
        format!("{}exit code {code}", self.stderr)
    }
}

/// A process that does not outlive its test, however that ends.
struct Mortal(Child);

impl Drop for Mortal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process under way.
pub(crate) struct Running {
    process: Mortal,
    stderr: BufReader<ChildStderr>,
    said: String,
    stdout: JoinHandle<String>,
    ended: Sender<()>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the binary was built");
        let mut stdout = child.stdout.take();
        let stdout = thread::spawn(move || {
            let mut text = String::new();
            stdout.as_mut().map(|stdout| stdout.read_to_string(&mut text).unwrap());
            text
        });
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (ended, ends) = mpsc::channel();
        let id = child.id();
        thread::spawn(move || {
            if ends.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
                signal("KILL", id);
            }
        });
        let process = Mortal(child);
        Self { process, stderr, said: String::new(), stdout, ended }
    }

    /// Reads stderr until a line holds this, and returns that line.
    pub(crate) fn line_with(&mut self, wanted: &str) -> String {
        loop {
            let begin = self.said.len();
            let read = self.stderr.read_line(&mut self.said).unwrap();
            assert!(read > 0, "it never said `{wanted}`, but: {}", self.said);
            let line = &self.said[begin..];
            if line.contains(wanted) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        signal("INT", self.process.0.id());
    }

    /// What a supervisor sends.
    pub(crate) fn terminate(&self) {
        signal("TERM", self.process.0.id());
    }

    /// Waits for the end and returns the most memory that was resident, as the system tells it every
    /// other millisecond.
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.0.id());
        let peak = || {
            let status = fs::read_to_string(&status).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().strip_suffix(" kB")?.parse().ok()
        };
        let mut most = 0;
        while let Some(now) = peak() {
            most = now;
            thread::park_timeout(Duration::from_millis(2));
        }
        most
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Ran {
        self.stderr.read_to_string(&mut self.said).unwrap();
        let stdout = self.stdout.join().unwrap();
        let code = self.process.0.wait().unwrap().code();
        let _ = self.ended.send(());
        Ran { code, stdout, stderr: self.said }
    }
}

fn signal(name: &str, id: u32) {
    let sent = Command::new("kill").args(["-s", name, &id.to_string()]).status();
    assert!(sent.expect("kill is there").success(), "process {id} is gone already");
}

/// Asks until the answer is yes; each question takes its time, or a moment passes.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < LONGEST, "never: {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}
