use rocky_sdk::EventName;

const DENIED: EventName = EventName::new("doors.denied");

fn main() {}
