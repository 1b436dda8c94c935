use rocky_sdk::{Admin, Authenticated, Session};

fn pose(mut authenticated: Authenticated<Admin>, whom: Session) -> Authenticated<Admin> {
    authenticated.session = whom;
    authenticated
}

fn main() {}
