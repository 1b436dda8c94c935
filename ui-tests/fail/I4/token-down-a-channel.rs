use std::sync::mpsc::Sender;

use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn send(channel: &Sender<&'static Entitled<Rotate>>, token: &Entitled<Rotate>) {
    let _ = channel.send(token);
}

fn main() {}
