use rocky_sdk::{Admin, Authenticated, Session};

fn forge(session: Session) -> Authenticated<Admin> {
    session.into()
}

fn main() {}
