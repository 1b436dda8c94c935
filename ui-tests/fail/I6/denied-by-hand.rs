use rocky_sdk::{Admin, Authenticated, Credentials, Denied, Doors};

async fn refuse(doors: Doors, who: Credentials) -> Result<Authenticated<Admin>, Denied> {
    doors.authenticate(&who).await.map_err(|_| Denied("never mind".to_owned()))
}

fn main() {}
