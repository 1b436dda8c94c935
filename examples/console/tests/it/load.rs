//! Many clients at once: every response matches the journal, line for line.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::console::{Answer, Console, Home, processes_of};

const CLIENTS: usize = 64;
const SLUGS: usize = 1000;

/// What each of `CLIENTS` clients is answered, until `ask` has no more work for anybody.
fn all(console: &Console, ask: impl Fn(&Console, usize) -> Option<(String, Answer)> + Sync) -> Vec<(String, Answer)> {
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while let Some(answer) = ask(console, next.fetch_add(1, Ordering::SeqCst)) {
                    answers.lock().unwrap().push(answer);
                }
            });
        }
    });
    answers.into_inner().unwrap()
}

#[test]
fn sixty_four_clients_provision_a_thousand_slugs_and_one() {
    let home = Home::new();
    let console = home.serve();
    let slug = |at: usize| (at < SLUGS).then(|| format!("w{at}"));
    let made = all(&console, |console, at| slug(at).map(|slug| (slug.clone(), console.provision(&slug, "solo"))));
    let shared =
        all(&console, |console, at| (at < CLIENTS).then(|| ("shared".to_owned(), console.provision("shared", "solo"))));

    assert_eq!(made.len(), SLUGS);
    for (slug, answer) in &made {
        assert_eq!(answer.status, 200, "{slug}: {}", answer.text);
    }
    let successes = shared.iter().filter(|(_, answer)| answer.status == 200).count();
    assert_eq!(successes, 1);
    assert!(shared.iter().all(|(_, answer)| answer.status == 200 || answer.is() == (409, "slug-taken".to_owned())));

    // What each request was answered, and what the journal says of that request.
    let mut answered = HashMap::<String, (String, &str)>::new();
    for (slug, answer) in made.iter().chain(&shared) {
        let outcome = if answer.status == 200 { "hearth.provisioned succeeded" } else { "hearth.failed refused" };
        assert!(answered.insert(answer.request_id.clone(), (slug.clone(), outcome)).is_none());
    }
    let mut written = HashMap::<String, (String, &str)>::new();
    let mut open = HashMap::new();
    for event in home.events() {
        let (subject, actionid) = (event.subject.clone().unwrap(), event.actionid.unwrap());
        match (event.kind.as_str(), event.data_text("status").as_deref()) {
            ("hearth.provisioning_started", None) => {
                assert!(open.insert(actionid, (subject, event.requestid)).is_none(), "{actionid} started twice");
            }
            (kind, Some(status)) => {
                let started = open.remove(&actionid);
                assert_eq!(started, Some((subject.clone(), event.requestid.clone())), "an outcome of nothing");
                let outcome = match (kind, status) {
                    ("hearth.provisioned", "succeeded") => "hearth.provisioned succeeded",
                    ("hearth.failed", "refused") => "hearth.failed refused",
                    other => panic!("{other:?}"),
                };
                assert!(written.insert(event.requestid.unwrap(), (subject, outcome)).is_none());
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(open.is_empty(), "started events without an outcome: {open:?}");
    assert_eq!(answered, written);

    assert_eq!(processes_of(&home.path).len(), SLUGS + 1);
    let slug = |at: usize| if at == SLUGS { Some("shared".to_owned()) } else { slug(at) };
    let gone = all(&console, |console, at| slug(at).map(|slug| (slug.clone(), console.decommission(&slug))));
    assert!(gone.iter().all(|(_, answer)| answer.status == 200));
    assert!(processes_of(&home.path).is_empty());
    assert_eq!(console.stop().0, Some(0));
}
