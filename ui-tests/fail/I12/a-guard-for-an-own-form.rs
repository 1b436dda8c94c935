use std::{future::Ready, marker::PhantomData};

use rocky_sdk::web::Guarded;

struct Form<T>(PhantomData<T>);

impl<T> Guarded<Form<T>> for fn(T) -> Ready<String> {}

fn main() {}
