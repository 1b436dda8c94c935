use rocky_sdk::{Action, EventName, OnFailure};

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Rename {}

impl Action for Rename {
    type Role = rocky_sdk::Operator;
    const NAME: &'static str = "rename";
    const STARTED: EventName = EventName::new("titles.rename_started");
    const SUCCEEDED: EventName = EventName::new("titles.renamed");
    const ON_FAILURE: OnFailure = OnFailure::Record(EventName::new("titles.failed"));
}

fn main() {}
