use rocky_sdk::{Billing, Doors, LocalAuth, hatch::Journal};

async fn build(auth: LocalAuth, journal: Journal) -> Doors {
    Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await.unwrap()
}

fn main() {}
