//! A route that takes axum extractors, behind a bolted driver.

use std::sync::{Arc, Mutex, PoisonError};

use rocky_sdk::{ActionError, Bolted, Entitled, ForeignToken, tenant_action};

#[tenant_action(role = admin, started = "lists.append_started", succeeded = "lists.appended", failed = "lists.failed")]
pub struct Append {
    pub list: String,
    pub item: String,
}

#[derive(Default)]
pub struct Lists(Mutex<Vec<String>>);

pub type Store = Arc<Bolted<Lists, (Append,)>>;

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ListError(#[from] ForeignToken);

impl ActionError for ListError {}

impl Lists {
    pub async fn append(&self, token: &Entitled<Append>, host: &str) -> Result<usize, ListError> {
        let Append { list, item } = token.action();
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        items.push(format!("{list}: {item} from {host}"));
        Ok(items.len())
    }
}

pub mod by_macro {
    use axum::{extract::State, http::HeaderMap};
    use rocky_sdk::{Entitled, tenant_action};

    use super::{Append, ListError, Store};

    #[tenant_action]
    pub async fn append(
        token: &Entitled<Append>,
        State(store): State<Store>,
        headers: HeaderMap,
    ) -> Result<usize, ListError> {
        let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("nowhere");
        store.open(token)?.append(token, host).await
    }
}

pub mod by_hand {
    use axum::{extract::State, http::HeaderMap};
    use rocky_sdk::{Admin, Authenticated, Completed, Refusal, web::Payload};

    use super::{Append, ListError, Store};

    pub async fn append(
        authenticated: Authenticated<Admin>,
        State(store): State<Store>,
        headers: HeaderMap,
        Payload(action): Payload<Append>,
    ) -> Result<Completed<Append, usize>, Refusal<ListError>> {
        let audited = authenticated.audit(action).await?;
        audited
            .perform((store, headers), |token, (store, headers)| {
                Box::pin(async move {
                    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("nowhere");
                    store.open(token)?.append(token, host).await
                })
            })
            .await
    }
}

fn main() {}
