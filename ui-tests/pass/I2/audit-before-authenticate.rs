use rocky_sdk::{Credentials, Denied, Doors, Slug};
use ui_tests::Rotate;

async fn rotate(doors: Doors, who: Credentials, slug: Slug) -> Result<(), Denied> {
    let _ = doors.authenticate::<rocky_sdk::Admin>(&who).await?.audit(Rotate { slug }).await?;
    Ok(())
}

fn main() {}
