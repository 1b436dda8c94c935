use rocky_sdk::{Action, Slug, Tier, tenant_action};

#[tenant_action(role = operator, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed", subject = slug, metered = price)]
pub struct Rotate {
    pub slug: Slug,
    pub price: Tier,
    #[audit(redact)]
    pub reason: String,
}

fn main() {
    assert_eq!(Rotate::NAME, "rotate");
    let rotate = Rotate { slug: "acme".parse().unwrap(), price: Tier::Solo, reason: "it leaked".to_owned() };
    assert!(!format!("{rotate:?}").contains("leaked"));
}
