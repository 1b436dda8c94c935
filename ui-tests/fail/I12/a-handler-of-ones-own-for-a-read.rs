use std::future::{Ready, ready};

use axum::{
    extract::Request,
    handler::Handler,
    response::{IntoResponse, Response},
};
use rocky_sdk::{Authenticated, Doors, Observer, web::DoorRouter};

struct Around;
struct Never;
type Way = fn(Authenticated<Observer>, Never) -> Ready<String>;

impl Handler<Around, ()> for Way {
    type Future = Ready<Response>;

    fn call(self, _: Request, _: ()) -> Self::Future {
        ready("a key".into_response())
    }
}

fn app(doors: Doors, way: Way) -> axum::Router {
    DoorRouter::new(doors).get("/keys", way).with_state(())
}

fn main() {}
