//! A PostgreSQL server of the test's own, in a temporary folder, reached by a socket there.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
};

/// Where distributions put the server's programs, which are not on the path.
const HOMES: &str = "/usr/lib/postgresql";
/// After `kill -9` the old server's parts need a moment to end, and the new one does not start before.
const MOST_STARTS: u32 = 300;

pub(super) struct Server {
    programs: PathBuf,
    folder: tempfile::TempDir,
    user: Option<u32>,
    running: Option<Child>,
}

impl Server {
    /// `None`, and a word of it, if no server is installed.
    #[expect(clippy::print_stderr, reason = "a check that was not made is not silent")]
    pub(super) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!("skipped: no PostgreSQL server is installed");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("ledger").tempdir().unwrap();
        let user = stand_in();
        if let Some(user) = user {
            std::os::unix::fs::chown(folder.path(), Some(user), None).unwrap();
        }
        let mut server = Self { programs, folder, user, running: None };
        let made = server
            .program("initdb")
            .args(["--username=harpoon", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .args([OsStr::new("--pgdata"), server.data().as_os_str()])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.restart();
        Some(server)
    }

    /// The address of a database.
    pub(super) fn url(&self, database: &str) -> String {
        format!("host={} user=harpoon dbname={database}", self.folder.path().display())
    }

    pub(super) fn make(&self, database: &str) -> String {
        self.client("postgres").batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
        self.url(database)
    }

    pub(super) fn client(&self, database: &str) -> postgres::Client {
        postgres::Client::connect(&self.url(database), postgres::NoTls).unwrap()
    }

    /// `kill -9` of the server.
    pub(super) fn kill(&mut self) {
        let mut running = self.running.take().expect("it runs");
        running.kill().unwrap();
        running.wait().unwrap();
    }

    pub(super) fn restart(&mut self) {
        for _ in 0..MOST_STARTS {
            let mut running = self
                .program("postgres")
                .args(["-c", "listen_addresses=", "-c", "shared_buffers=16MB"])
                .args(["-c", "max_wal_size=32MB", "-c", "autovacuum=off"])
                .args([OsStr::new("-k"), self.folder.path().as_os_str()])
                .args([OsStr::new("-D"), self.data().as_os_str()])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            if is_ready(&mut running).recv().is_ok() {
                self.running = Some(running);
                return;
            }
            running.wait().unwrap();
        }
        panic!("the server does not start");
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let data = self.data();
            let stop = ["stop", "--mode=fast", "--silent", "--pgdata"].map(OsStr::new);
            drop(self.program("pg_ctl").args(stop).arg(data).status());
            drop(running.kill());
            drop(running.wait());
        }
    }
}

/// Tells once that the server takes connections; hangs up if it ends before.
fn is_ready(running: &mut Child) -> Receiver<()> {
    let (sender, ready) = channel();
    let log = BufReader::new(running.stderr.take().unwrap());
    std::thread::spawn(move || {
        let mut sender = Some(sender);
        // Reads on afterwards, lest the server wait for somebody to read its log.
        for line in log.lines().map_while(Result::ok) {
            if line.contains("ready to accept connections")
                && let Some(sender) = sender.take()
            {
                sender.send(()).ok();
            }
        }
    });
    ready
}

fn programs() -> Option<PathBuf> {
    let homes = fs::read_dir(HOMES).ok()?.filter_map(Result::ok);
    let mut programs: Vec<_> = homes.map(|home| home.path().join("bin")).collect();
    programs.retain(|programs| programs.join("initdb").exists());
    programs.sort_unstable();
    programs.pop()
}

/// The server refuses to run as root: whom to run it as instead.
fn stand_in() -> Option<u32> {
    let me = fs::metadata(Path::new("/proc/self")).ok()?.uid();
    if me != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let number = |name: &str| {
        let mut fields = users.lines().find_map(|line| line.strip_prefix(name))?.split(':');
        fields.nth(2)?.parse().ok()
    };
    number("postgres").or_else(|| number("nobody"))
}
