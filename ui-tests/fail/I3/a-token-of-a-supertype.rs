use rocky_sdk::Audited;

type Any = for<'a> fn(&'a str);
type One = fn(&'static str);

fn narrow(audited: Audited<Any>) -> Audited<One> {
    audited
}

fn main() {}
