use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::args::{Args, HELP, Shape, parse};
use crate::check::{Check, Findings};
use crate::line::Line;
use crate::store::Store;
use crate::workload::{self, Tally};

/// The whole of a peer's program: reads the arguments, measures, checks, prints one line of JSON.
#[must_use]
pub fn main<S: Store>() -> ExitCode {
    let args = match parse(std::env::args().skip(1), S::VARIANTS) {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{HELP}\nVariants: {}", S::VARIANTS.join(", "));
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("{why}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    match measure::<S>(&args) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("could not measure {}: {why}", S::about(&args.variant).name);
            ExitCode::FAILURE
        }
    }
}

/// What reading everything back took.
struct Reading {
    events: u64,
    elapsed: Duration,
}

fn measure<S: Store>(args: &Args) -> Result<String, String> {
    make_empty(&args.dir)?;
    let store = Arc::new(S::open(&args.dir, args)?);
    let tally = workload::run(&store, args)?;
    close(store)?;
    let stored = disk_bytes(&args.dir);

    let opening = Instant::now();
    let store = S::open(&args.dir, args)?;
    let opened = opening.elapsed();
    let mut check = Check::new(&tally);
    store.replay(&mut |read| check.read(read))?;
    let findings = check.finish();
    let reading = if args.shape == Shape::Replay { Some(read_all(&store, args)?) } else { None };
    store.close()?;
    Ok(report::<S>(args, tally, &findings, reading.as_ref(), opened, stored))
}

/// Reads everything, again and again until the time is over.
fn read_all<S: Store>(store: &S, args: &Args) -> Result<Reading, String> {
    let start = Instant::now();
    let mut events = 0;
    while start.elapsed().as_secs_f64() < args.seconds {
        // The bytes are looked at, so that no store gets away with not fetching them.
        store.replay(&mut |read| events += u64::from(read.text.ends_with(|end: char| end.is_ascii())))?;
        if events == 0 {
            return Err("there is nothing to read".to_owned());
        }
    }
    Ok(Reading { events, elapsed: start.elapsed() })
}

fn report<S: Store>(
    args: &Args,
    mut tally: Tally,
    findings: &Findings,
    reading: Option<&Reading>,
    opened: Duration,
    stored: u64,
) -> String {
    let about = S::about(&args.variant);
    let written = tally.acknowledged.len() as u64;
    let (events, elapsed) =
        reading.map_or((written, tally.elapsed), |reading| (reading.events, reading.elapsed));
    tally.micros.sort_unstable();
    let percentile = |share: f64| {
        let last = tally.micros.len().saturating_sub(1);
        tally.micros.get((last as f64 * share) as usize).copied().unwrap_or_default()
    };
    let mut line = Line::default();
    line.text("peer", &about.name)
        .text("version", about.version)
        .text("shape", args.shape.name())
        .plain("writers", args.writers)
        .plain("events", events)
        .plain("seconds", format!("{:.3}", elapsed.as_secs_f64()))
        .plain("per_second", format!("{:.0}", events as f64 / elapsed.as_secs_f64().max(1e-9)))
        .plain("conflicts", tally.conflicts)
        .plain("p50_us", percentile(0.50))
        .plain("p99_us", percentile(0.99))
        .plain("max_us", percentile(1.0))
        .text("durable", about.durable)
        .plain("correct", findings.correct() && tally.error.is_none())
        .plain("written", written)
        .plain("read_back", findings.read)
        .plain("lost", findings.lost)
        .plain("reordered", findings.reordered)
        .plain("duplicated", findings.duplicated)
        .plain("damaged", findings.damaged)
        .plain("unacknowledged", findings.unacknowledged)
        .plain("open_ms", format!("{:.1}", opened.as_secs_f64() * 1e3))
        .plain("disk_bytes", stored)
        .text("error", tally.error.as_deref().unwrap_or_default())
        .text("notes", about.notes);
    line.finish()
}

fn make_empty(dir: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
    fs::create_dir_all(dir).map_err(failed)?;
    if fs::read_dir(dir).map_err(failed)?.next().is_some() {
        return Err(format!("{} is not empty: give a new directory with --dir", dir.display()));
    }
    Ok(())
}

/// Closes a store that nobody uses any more; a runtime may need a moment to drop its last task.
fn close<S: Store>(store: Arc<S>) -> Result<(), String> {
    let mut store = store;
    for _ in 0..500 {
        match Arc::try_unwrap(store) {
            Ok(store) => return store.close(),
            Err(shared) => store = shared,
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err("a writer has not let go of the store 5 s after its end".to_owned())
}

/// What the store takes up on disk, as far as it can be seen.
fn disk_bytes(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}
