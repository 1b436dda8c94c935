use std::panic::{AssertUnwindSafe, catch_unwind};

use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn catch(token: &Entitled<Rotate>) -> &Entitled<Rotate> {
    catch_unwind(AssertUnwindSafe(|| token)).unwrap()
}

fn main() {}
