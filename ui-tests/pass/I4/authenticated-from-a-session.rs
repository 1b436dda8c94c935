use rocky_sdk::{Admin, Authenticated, Session};

fn read(authenticated: &Authenticated<Admin>) -> &Session {
    authenticated.session()
}

fn main() {}
