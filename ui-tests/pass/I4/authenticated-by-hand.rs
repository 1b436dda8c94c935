use rocky_sdk::{Admin, Authenticated, Credentials, Denied, Doors};

async fn forge(doors: Doors, who: Credentials) -> Result<Authenticated<Admin>, Denied> {
    doors.authenticate(&who).await
}

fn main() {}
