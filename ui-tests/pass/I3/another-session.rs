use rocky_sdk::{Entitled, Session};
use ui_tests::Rotate;

fn pose(token: &mut Entitled<Rotate>, as_whom: Session) {
    assert_eq!(token.session().tenant(), as_whom.tenant());
}

fn main() {}
