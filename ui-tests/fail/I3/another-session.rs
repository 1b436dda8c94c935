use rocky_sdk::{Entitled, Session};
use ui_tests::Rotate;

fn pose(token: &mut Entitled<Rotate>, as_whom: Session) {
    *token.session() = as_whom;
}

fn main() {}
