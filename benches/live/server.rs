//! The other side of a bench in a process of its own, so that the time on the processor is told for each apart.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// This program again, for as long as this lives.
pub(crate) struct Server {
    pub(crate) process: Child,
    /// The first line that it says: where it is.
    pub(crate) place: String,
}

impl Server {
    /// Starts it with these arguments, and waits until it says where it is.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut process = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let mut place = String::new();
        let said = process.stdout.take().expect("it was asked for");
        BufReader::new(said).read_line(&mut place).expect("it says where it is");
        Self { process, place: place.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Time that a process, by its number or `self`, has spent on the processor, in and for user code, in hundredths
/// of seconds.
pub(crate) fn processor_time(process: &str) -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks =
        after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u32>().ok());
    ticks.map(|ticks| TICK * ticks).sum()
}
