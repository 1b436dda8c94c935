use rocky_sdk::Entitled;

type Any = for<'a> fn(&'a str);
type One = for<'a> fn(&'a str);

fn narrow(token: &Entitled<Any>) -> &Entitled<One> {
    token
}

fn main() {}
