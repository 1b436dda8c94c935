use rocky_sdk::{Billing, Doors, LocalAuth, hatch::Journal};

async fn build(auth: LocalAuth, journal: Journal) -> Doors {
    let _ = journal;
    Doors::builder().airlock(auth).billing(Billing::SelfHosted).build().await.unwrap()
}

fn main() {}
