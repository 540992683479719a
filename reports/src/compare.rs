//! Runs side by side, from the `timeline.csv` and the `summary.json` that each has left in its directory.
//!
//! What is compared is what adds up: counts and peaks. Percentiles of intervals do not, so a run's
//! latencies are in its own picture.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    FilesError,
    header::TEXT_MARK,
    humanise,
    layout::{Layout, number, share, short},
    picture,
    what_if::{self, Spent},
};

/// Most runs that are told apart by colour.
pub const MOST_COMPARED: usize = 6;
/// Most rows that are read of a file: what harpoon writes has far fewer.
const MOST_ROWS: usize = 1 << 16;

/// Why runs could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The file is not there, or no CSV.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: csv::Error,
    },
    /// It is no timeline, or of a version that kept less.
    #[error("`{}` is no timeline of a run: {problem}", path.display())]
    NoTimeline {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It is no summary.
    #[error("`{}` is no summary of a run: {source}", path.display())]
    NoSummary {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The picture could not be written.
    #[error(transparent)]
    Files(#[from] FilesError),
}

/// Several runs.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub(crate) runs: Vec<Told>,
}

/// What a run told of itself.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The name of its directory.
    pub(crate) name: String,
    /// The first line of its file.
    pub(crate) header: String,
    pub(crate) length_s: f64,
    pub(crate) rows: Vec<Row>,
    spent: Spent,
}

/// A run's counts, warm-up left out.
#[derive(Clone, Copy, Debug, Serialize)]
struct Counts {
    arrivals: u64,
    in_time: u64,
    sent_to_pools: u64,
    peak_in_flight: Option<u64>,
}

/// A run in JSON.
#[derive(Serialize)]
struct Compared<'a> {
    name: &'a str,
    measured: Counts,
    economics: Spent,
    difference: Option<Spent>,
}

impl Told {
    fn counts(&self) -> Counts {
        let measured = || self.rows.iter().filter(|row| !row.warm_up);
        let sum = |of: fn(&Row) -> u64| measured().map(of).sum();
        Counts {
            arrivals: sum(|row| row.arrivals),
            in_time: sum(|row| row.in_time),
            sent_to_pools: sum(|row| row.strikes),
            peak_in_flight: measured().filter_map(|row| row.in_flight).max(),
        }
    }
}

/// An interval.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) warm_up: bool,
    pub(crate) arrivals: u64,
    pub(crate) in_time: u64,
    pub(crate) strikes: u64,
    pub(crate) in_flight: Option<u64>,
    /// What was wrong in it.
    pub(crate) faults: Vec<String>,
}

impl Comparison {
    /// Reads the timelines of runs from their directories.
    ///
    /// # Errors
    /// If one has none, or one that does not say enough.
    pub fn read(directories: &[PathBuf]) -> Result<Self, CompareError> {
        let runs = directories.iter().map(|directory| read(directory)).collect::<Result<_, _>>()?;
        Ok(Self { runs })
    }

    /// The runs over time, over each other, as SVG.
    pub fn picture(&self) -> String {
        picture::of_comparison(self).to_svg()
    }

    /// Writes the picture.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn draw(&self, path: &Path) -> Result<(), CompareError> {
        Ok(crate::files::write_whole(path, &self.picture())?)
    }

    /// A row for each run, warm-up left out; then what they cost over their whole length, and how that
    /// differs from the first.
    pub fn table(&self) -> String {
        let header =
            ["run", "arrivals", "in time", "share", "sent to pools", "per arrival", "peak"];
        let mut table = Layout::new(&header, 1);
        for run in &self.runs {
            let Counts { arrivals, in_time, sent_to_pools, peak_in_flight } = run.counts();
            let of_arrivals = |part: u64| (arrivals > 0).then(|| part as f64 / arrivals as f64);
            table.row(vec![
                short(&run.name),
                humanise::whole(arrivals),
                humanise::whole(in_time),
                share(of_arrivals(in_time)),
                humanise::whole(sent_to_pools),
                of_arrivals(sent_to_pools).map_or_else(|| "-".to_owned(), humanise::times),
                number(peak_in_flight),
            ]);
        }
        let costs = self.runs.iter().map(|run| (vec![short(&run.name)], run.spent));
        let costs = what_if::table(&["run"], &costs.collect::<Vec<_>>());
        let costs = costs.map(|costs| format!("\n{}", costs.finish())).unwrap_or_default();
        table.finish() + &costs
    }

    /// The same as JSON: a list of runs, each with its difference from the first.
    pub fn to_json(&self) -> String {
        let first = self.runs.first().map(|run| run.spent).unwrap_or_default();
        let compared = self.runs.iter().enumerate().map(|(index, run)| Compared {
            name: &run.name,
            measured: run.counts(),
            economics: run.spent,
            difference: (index > 0).then(|| run.spent.less(&first)),
        });
        let runs: Vec<_> = compared.collect();
        what_if::json(&runs)
    }
}

/// What a run cost; nothing if it left no summary.
fn spent(directory: &Path) -> Result<Spent, CompareError> {
    let path = directory.join("summary.json");
    match fs::read_to_string(&path) {
        Ok(summary) => {
            Spent::read(&summary).map_err(|source| CompareError::NoSummary { path, source })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Spent::default()),
        Err(source) => Err(CompareError::Read { path, source: source.into() }),
    }
}

fn read(directory: &Path) -> Result<Told, CompareError> {
    let path = directory.join("timeline.csv");
    let cannot = |source| CompareError::Read { path: path.clone(), source };
    let wrong = |problem: String| CompareError::NoTimeline { path: path.clone(), problem };
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.has_headers(false).flexible(true).from_path(&path).map_err(cannot)?;
    let mut records = reader.records().take(MOST_ROWS);
    let first = records.next().transpose().map_err(cannot)?.unwrap_or_default();
    let header = first.iter().collect::<Vec<_>>().join(",").trim_end().to_owned();
    if !header.starts_with(TEXT_MARK) {
        return Err(wrong("its first line is not harpoon's".to_owned()));
    }
    let columns = records.next().transpose().map_err(cannot)?.unwrap_or_default();
    let columns: BTreeMap<String, usize> =
        columns.iter().enumerate().map(|(index, name)| (name.to_owned(), index)).collect();
    let column = |name: &str| {
        columns.get(name).copied().ok_or_else(|| wrong(format!("it has no column `{name}`")))
    };
    let places = Places {
        length: column("length_s")?,
        warm_up: column("warm_up")?,
        counts: [column("arrivals")?, column("in_time")?, column("strikes")?],
        in_flight: column("in_flight_peak")?,
        faults: column("faults")?,
    };
    let (mut rows, mut length_s) = (Vec::new(), 1.0);
    for record in records {
        let record = record.map_err(cannot)?;
        let (length, row) = places.row(&record).map_err(&wrong)?;
        length_s = length;
        rows.push(row);
    }
    let name = directory.file_name().unwrap_or(directory.as_os_str());
    let spent = spent(directory)?;
    Ok(Told { name: name.to_string_lossy().into_owned(), header, length_s, rows, spent })
}

/// Where the columns are.
struct Places {
    length: usize,
    warm_up: usize,
    counts: [usize; 3],
    in_flight: usize,
    faults: usize,
}

impl Places {
    /// The length of an interval in seconds, and what happened in it.
    fn row(&self, record: &csv::StringRecord) -> Result<(f64, Row), String> {
        let text = |index: usize| record.get(index).unwrap_or_default();
        let count = |index: usize| -> Result<u64, String> {
            text(index).parse().map_err(|_| format!("`{}` is no count", text(index)))
        };
        let length: f64 = text(self.length).parse().unwrap_or_default();
        if !(length > 0.0 && length.is_finite()) {
            return Err(format!("`{}` is no length of time", text(self.length)));
        }
        let [arrivals, in_time, strikes] = self.counts;
        let faults = text(self.faults).split("; ").filter(|name| !name.is_empty());
        let row = Row {
            warm_up: text(self.warm_up) == "1",
            arrivals: count(arrivals)?,
            in_time: count(in_time)?,
            strikes: count(strikes)?,
            in_flight: Some(text(self.in_flight))
                .filter(|text| !text.is_empty())
                .map(|_| count(self.in_flight))
                .transpose()?,
            faults: faults.map(str::to_owned).collect(),
        };
        Ok((length, row))
    }
}

#[cfg(test)]
mod tests;
