use std::sync::mpsc::Sender;

use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn send<'t>(channel: &Sender<&'t Entitled<Rotate>>, token: &'t Entitled<Rotate>) {
    let _ = channel.send(token);
}

fn main() {}
