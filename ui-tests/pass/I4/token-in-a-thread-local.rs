use std::cell::Cell;

use rocky_sdk::Entitled;
use ui_tests::Rotate;

thread_local! {
    static KEPT: Cell<Option<&'static Entitled<Rotate>>> = const { Cell::new(None) };
}

fn keep(token: &Entitled<Rotate>) {
    let _ = token;
    KEPT.set(None);
}

fn main() {}
