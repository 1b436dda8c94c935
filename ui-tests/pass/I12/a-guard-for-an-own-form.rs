use std::marker::PhantomData;

use rocky_sdk::web::Guarded;

struct Form<T>(PhantomData<T>);

fn guarded<T, H: Guarded<Form<T>>>(_: H) {}

fn main() {}
