use rocky_sdk::Audited;

type Any = for<'a> fn(&'a str);

fn narrow(audited: Audited<Any>) -> Audited<Any> {
    audited
}

fn main() {}
