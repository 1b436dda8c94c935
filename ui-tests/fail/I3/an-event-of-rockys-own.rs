use rocky_sdk::EventName;

const DENIED: EventName = EventName::new("auth.denied");

fn main() {}
