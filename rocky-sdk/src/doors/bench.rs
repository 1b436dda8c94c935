//! What `cargo xtask bench doors` measures of the doors themselves, with HATCH in memory. Each prints one line of JSON.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use crate::{
    Admin, Billing, Bolted, Credentials, Doors, Entitled, LocalAuth,
    doors::{ActionError, ErrorKind},
    hatch::{Journal, JournalOptions, Relay},
    tenant_action,
};

#[tenant_action(
    role = admin,
    started = "keys.rotation_started",
    succeeded = "keys.rotated",
    failed = "keys.failed",
)]
struct Rotate {
    key: String,
    reason: String,
}

/// What a driver costs that does next to nothing.
struct Keys(Arc<AtomicU64>);

impl Keys {
    fn rotate_bare(&self, key: &str, reason: &str) -> u64 {
        std::hint::black_box((key, reason));
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn rotate(&self, token: &Entitled<Rotate>) -> u64 {
        let Rotate { key, reason } = token.action();
        self.rotate_bare(key, reason)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the driver does not open")]
struct Shut;

impl ActionError for Shut {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Conflict
    }
}

fn setting<T: std::str::FromStr>(name: &str) -> T {
    let value = std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    value.parse().unwrap_or_else(|_| panic!("{name}={value} cannot be read"))
}

/// User and system time of this process, in microseconds.
fn cpu_us() -> u64 {
    let mut nanos = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let stat = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        nanos += stat.split(' ').next().unwrap().parse::<u64>().unwrap();
    }
    nanos / 1000
}

/// So many actions, one after the other in each of so many tasks; through the doors, or the driver called bare.
#[test]
fn actions() {
    let (actions, tasks): (u64, u64) = (setting("ROCKY_BENCH_ACTIONS"), setting("ROCKY_BENCH_TASKS"));
    let bare = setting::<String>("ROCKY_BENCH_MODE") == "bare";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let home = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let (auth, first) = LocalAuth::open(home.path()).unwrap();
        let mut journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("bench")).unwrap();
        journal.in_memory = true;
        let doors = Doors::builder().airlock(auth).hatch(Relay::from(journal)).billing(Billing::SelfHosted).build();
        let doors = doors.await.unwrap();
        let counted = Arc::new(AtomicU64::new(0));
        let driver = Arc::new(Keys(Arc::clone(&counted)));
        let keys = Arc::new(Bolted::<Keys, (Rotate,)>::new(&doors, Keys(Arc::clone(&counted))).unwrap());
        let credentials = Credentials::bearer(first.unwrap().token);
        let before = cpu_us();
        let tasks: Vec<_> = (0..tasks)
            .map(|task| {
                let (doors, keys, driver) = (doors.clone(), Arc::clone(&keys), Arc::clone(&driver));
                let credentials = credentials.clone();
                let own = actions / tasks + u64::from(task < actions % tasks);
                tokio::spawn(async move {
                    for _ in 0..own {
                        let (key, reason) = ("mail".to_owned(), "as every month".to_owned());
                        if bare {
                            driver.rotate_bare(&key, &reason);
                            tokio::task::yield_now().await;
                            continue;
                        }
                        let authenticated = doors.authenticate::<Admin>(&credentials).await.unwrap();
                        let audited = authenticated.audit(Rotate { key, reason }).await.unwrap();
                        let done = audited.perform(Arc::clone(&keys), |token, keys| {
                            Box::pin(async move {
                                let keys = keys.open(token).map_err(|_| Shut)?;
                                Ok::<_, Shut>(keys.rotate(token))
                            })
                        });
                        assert!(!done.await.unwrap().json().is_empty());
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let cpu = cpu_us() - before;
        assert_eq!(counted.load(Ordering::Relaxed), actions);
        println!("{}", json!({ "actions": actions, "cpu_us": cpu }));
        doors.shutdown(Duration::from_secs(10)).await.unwrap();
    });
}
