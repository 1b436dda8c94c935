use rocky_sdk::Authenticated;

type Any = for<'a> fn(&'a str);
type One = for<'a> fn(&'a str);

fn narrow(authenticated: Authenticated<Any>) -> Authenticated<One> {
    authenticated
}

fn main() {}
