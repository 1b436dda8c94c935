use std::future::{Ready, ready};

use axum::{
    extract::Request,
    handler::Handler,
    response::{IntoResponse, Response},
};
use rocky_sdk::{Admin, Authenticated, Completed, Doors, Refusal, web::{DoorRouter, Payload}};
use ui_tests::{Rotate, Sealed};

struct Around;
struct Never;
type Way = fn(Authenticated<Admin>, Payload<Rotate>) -> Ready<Result<Completed<Rotate, String>, Refusal<Sealed>>>;

impl Handler<Around, ()> for fn(Never) {
    type Future = Ready<Response>;

    fn call(self, _: Request, _: ()) -> Self::Future {
        ready("rotated".into_response())
    }
}

fn app(doors: Doors, way: Way) -> axum::Router {
    DoorRouter::new(doors).post("/keys", way).with_state(())
}

fn main() {}
