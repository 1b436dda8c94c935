//! What `cargo xtask bench journal` measures of the journal itself. Each prints one line of JSON, as its peers do.

use std::{
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use uuid::Uuid;

use super::{
    Journal, JournalOptions, Verifier,
    event::{Actor, Event},
    journal::{Kind, Line},
    reader,
};

const WARM_UP: Duration = Duration::from_millis(300);

fn setting<T: std::str::FromStr>(name: &str) -> T {
    let value = std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    value.parse().unwrap_or_else(|_| panic!("{name}={value} cannot be read"))
}

fn options() -> JournalOptions {
    JournalOptions::new("bench")
}

#[derive(serde::Serialize)]
struct Data<'a> {
    fill: &'a str,
}

fn event(journal: &Journal, actionid: Uuid, fill: &str) -> Line {
    let event = Event {
        kind: "bench.started",
        subject: Some("acme"),
        who: Actor { tenant: Some("acme"), actor: Some("ada"), role: Some("admin") },
        actionid: Some(actionid),
        requestid: None,
        traceparent: None,
        data: Data { fill },
    };
    Line { body: event.stamped(journal.source()).unwrap(), actionid: Some(actionid) }
}

/// How much text makes an event's body as large as that.
fn filling(journal: &Journal, bytes: usize) -> String {
    let bare = event(journal, Uuid::nil(), "").body.len();
    assert!(bytes >= bare + 12, "an event has at least {} bytes", bare + 12);
    "0".repeat(bytes - bare)
}

async fn put(journal: &Journal, line: Line) {
    let until = Instant::now() + Duration::from_secs(60);
    journal.append(line, Kind::Other, until).await.unwrap().await.unwrap().unwrap();
}

/// Closed loop: each writer sends its next event when the one before is durable.
#[test]
fn writers() {
    let (writers, seconds): (usize, f64) = (setting("ROCKY_BENCH_WRITERS"), setting("ROCKY_BENCH_SECONDS"));
    let bytes = setting("ROCKY_BENCH_BYTES");
    let folder = setting::<PathBuf>("ROCKY_BENCH_FOLDER").join(format!("rocky-{}", std::process::id()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut latencies = runtime.block_on(async {
        let journal = Arc::new(Journal::open(&folder, options()).unwrap());
        let fill: Arc<str> = filling(&journal, bytes).into();
        let (measuring, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let tasks: Vec<_> = (0..writers)
            .map(|_| {
                let (journal, fill) = (Arc::clone(&journal), Arc::clone(&fill));
                let (measuring, over) = (Arc::clone(&measuring), Arc::clone(&over));
                tokio::spawn(async move {
                    // As its peers' events, made once: each gets a number of its own.
                    let mut made = event(&journal, Uuid::now_v7(), &fill);
                    let number = made.body.windows(12).rposition(|digits| *digits == [b'0'; 12]).unwrap();
                    let mut latencies: Vec<u32> = Vec::new();
                    let mut begun = Instant::now();
                    for at in 0_u64.. {
                        // Each second one is the outcome of the first.
                        made.body[number..number + 12].copy_from_slice(format!("{at:012}").as_bytes());
                        put(&journal, Line { body: made.body.clone(), actionid: made.actionid }).await;
                        let now = Instant::now();
                        if over.load(Ordering::Relaxed) {
                            return latencies;
                        }
                        if measuring.load(Ordering::Relaxed) {
                            latencies.push((now - begun).as_micros().try_into().unwrap_or(u32::MAX));
                        }
                        begun = now;
                    }
                    latencies
                })
            })
            .collect();
        tokio::time::sleep(WARM_UP).await;
        measuring.store(true, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        journal.close();
        all
    });
    latencies.sort_unstable();
    let percentile = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
    let per_second = latencies.len() as f64 / seconds;
    let (lines, batches, line_bytes) = batches(&folder);
    println!(
        "{}",
        json!({
            "peer": "rocky", "writers": writers, "events": latencies.len(), "seconds": seconds, "per_second": per_second,
            "p50_us": percentile(0.5), "p99_us": percentile(0.99),
            "batch": lines as f64 / batches as f64, "line_bytes": line_bytes / lines,
        })
    );
    fs::remove_dir_all(&folder).unwrap();
}

/// Lines, batches and bytes that were written: the first line of a batch says that it is.
fn batches(folder: &Path) -> (usize, usize, usize) {
    let segments = reader::segments(folder).unwrap();
    let text = segments.iter().map(|segment| fs::read_to_string(segment).unwrap());
    text.fold((0, 0, 0), |(lines, batches, bytes), text| {
        (lines + text.lines().count(), batches + text.matches(",\"batchstart\":true").count(), bytes + text.len())
    })
}

/// Makes a journal with so many events, and leaves it there.
#[test]
fn fill() {
    let (events, bytes): (usize, usize) = (setting("ROCKY_BENCH_EVENTS"), setting("ROCKY_BENCH_BYTES"));
    let folder: PathBuf = setting("ROCKY_BENCH_FOLDER");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut options = options();
        (options.waiting_bytes, options.open_actions) = (64 << 20, 1024);
        let journal = Arc::new(Journal::open(&folder, options).unwrap());
        let fill: Arc<str> = filling(&journal, bytes).into();
        let tasks = 256; // no more actions are open at once than on a busy day
        let tasks: Vec<_> = (0..tasks)
            .map(|task| {
                let (journal, fill) = (Arc::clone(&journal), Arc::clone(&fill));
                let own = events / tasks + usize::from(task < events % tasks);
                tokio::spawn(async move {
                    let mut actionid = None;
                    for _ in 0..own {
                        let id = actionid.take().unwrap_or_else(|| *actionid.insert(Uuid::now_v7()));
                        put(&journal, event(&journal, id, &fill)).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        journal.close();
    });
    println!("{}", json!({ "events": events }));
}

/// How long opening it takes, and the most memory that it needed.
#[test]
fn open() {
    let folder: PathBuf = setting("ROCKY_BENCH_FOLDER");
    let begun = Instant::now();
    let journal = Journal::open(&folder, options()).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("{}", json!({ "seconds": seconds, "peak_kib": peak, "tombstones": journal.tombstones().len() }));
    journal.close();
}

#[test]
fn verify() {
    let folder: PathBuf = setting("ROCKY_BENCH_FOLDER");
    let threads: NonZero<usize> = setting("ROCKY_BENCH_THREADS");
    let bytes: u64 =
        reader::segments(&folder).unwrap().iter().map(|segment| fs::metadata(segment).unwrap().len()).sum();
    let begun = Instant::now();
    let verdicts = Verifier::new().threads(threads).verify(&folder, &|_| {}).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    assert!(verdicts.hold(), "{verdicts:?}");
    println!("{}", json!({ "bytes": bytes, "events": verdicts.chain.events, "seconds": seconds }));
}
