use rocky_sdk::{Admin, Authenticated, Session};

fn pose(authenticated: Authenticated<Admin>, whom: Session) -> Authenticated<Admin> {
    assert_eq!(authenticated.session().subject(), whom.subject());
    authenticated
}

fn main() {}
