use std::sync::Mutex;

use rocky_sdk::Entitled;
use ui_tests::Rotate;

static KEPT: Mutex<Option<&'static Entitled<Rotate>>> = Mutex::new(None);

struct Keeper<'t>(&'t Entitled<Rotate>);

impl Drop for Keeper<'_> {
    fn drop(&mut self) {
        *KEPT.lock().unwrap() = None;
    }
}

fn main() {}
