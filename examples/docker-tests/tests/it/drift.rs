//! What somebody does to a workspace by hand shows, and a repair mends it.

use serde_json::json;

use crate::{
    console::{Console, Home},
    engine::shared,
    kernel::Limits,
};

/// It shows, a repair mends it at the same URL, and it was started so often on the data that it has.
fn is_mended(home: &Home, console: &Console, slug: &str, (found, url, starts): (&str, &str, u32)) {
    assert_eq!(console.found(slug), found);
    assert_eq!(console.repair(slug).url(), url, "{}", home.log());
    assert_eq!((console.found(slug), home.starts(url)), ("serving".to_owned(), starts));
}

#[test]
fn whatever_is_taken_away_is_made_anew_at_the_same_url() {
    let engine = shared();
    let home = Home::new(&engine);
    let console = home.serve();
    let url = console.provision("drift", "solo").url();
    home.api.delete("/containers/rocky-drift?force=1");
    home.api.delete("/networks/rocky-drift");
    is_mended(&home, &console, "drift", ("broken", &url, 2));
    // Stopped, and the network of its address taken away: it is there again, and the container goes back into it.
    home.api.post("/containers/rocky-drift/stop?t=2", &json!(null));
    home.api.delete("/networks/rocky-drift");
    is_mended(&home, &console, "drift", ("broken", &url, 3));
    // Its data went with the volume: it begins anew, under its name.
    home.api.delete("/containers/rocky-drift?force=1");
    home.api.delete("/networks/rocky-drift");
    home.api.delete("/volumes/rocky-drift");
    is_mended(&home, &console, "drift", ("absent", &url, 1));
    assert_eq!(console.decommission("drift").status, 200);
    assert_eq!(home.what_is(&console, "drift"), "decommissioned: nothing is there");
}

#[test]
fn limits_that_were_changed_by_hand_are_the_tiers_again() {
    let engine = shared();
    let home = Home::new(&engine);
    let console = home.serve();
    let url = console.provision("limits", "solo").url();
    let memory = 1_u64 << 30;
    // As a team's workspace has them: more than is paid for.
    let more = json!({"Memory": memory, "MemorySwap": memory, "NanoCpus": 1_000_000_000, "PidsLimit": 512});
    home.api.post("/containers/rocky-limits/update", &more);
    is_mended(&home, &console, "limits", ("different", &url, 1));
    assert_eq!(Limits::of(home.api.container("rocky-limits")["Id"].as_str().unwrap()), Limits::tier(256, 500, 128));
    // As no tier's has them.
    home.api.post("/containers/rocky-limits/update", &json!({"Memory": memory / 4 * 3, "MemorySwap": memory}));
    is_mended(&home, &console, "limits", ("broken", &url, 1));
    home.journal_is_true_to_form();
}

#[test]
fn one_that_was_paused_goes_on() {
    let engine = shared();
    let home = Home::new(&engine);
    let console = home.serve();
    let url = console.provision("paused", "solo").url();
    home.api.post("/containers/rocky-paused/pause", &json!(null));
    assert_eq!(console.found("paused"), "broken");
    assert_eq!(console.repair("paused").url(), url);
    assert_eq!(console.found("paused"), "serving");
    assert!(home.page(&url).is_some());
}

#[test]
fn one_that_was_cut_off_from_its_network_is_back_in_it() {
    let engine = shared();
    let home = Home::new(&engine);
    let console = home.serve();
    let url = console.provision("cut", "solo").url();
    home.api.post("/networks/rocky-cut/disconnect", &json!({"Container": "rocky-cut", "Force": true}));
    assert_eq!((console.found("cut"), home.page(&url)), ("broken".to_owned(), None));
    assert_eq!(console.repair("cut").url(), url);
    assert_eq!(console.found("cut"), "serving");
    assert!(home.page(&url).is_some());
}
