//! What only the cloud build has: BetterAuth, Polar, and what follows when a tier is not paid for any more.

use std::{process::ExitCode, sync::Arc};

use axum::{extract::State, http::HeaderMap};
use rocky_sdk::{
    BoxFuture, ServiceKey,
    airlock::{BetterAuth, BetterAuthOptions},
    config::{Auth, BillingMode, Config},
    doors::DoorsBuilder,
    hearth::{ReadOnly, Restore, control},
    polar::{Checkout, Polar, PolarOptions, Synced, Webhooks, settle_webhook, sync_all},
    web::{DoorRouter, NotVerified, Redeliver, Verified, Verifier},
};
use serde_json::Value;

use crate::{
    Ended, Failure, audit,
    operator::known,
    routes::Console,
    serve::{Chosen, Opened, open},
};

/// The command on the control socket.
const SYNC: &str = "billing-sync";

/// Who knows what is paid for, and who may say that it changed.
#[derive(Clone)]
pub(crate) struct Paid {
    pub(crate) polar: Polar,
    webhooks: Option<Signed>,
}

/// The same, with the key under which workspaces follow it.
#[derive(Clone)]
pub(crate) struct Cloud {
    paid: Paid,
    key: Arc<ServiceKey>,
}

/// Each router has one.
#[derive(Clone)]
struct Signed(Arc<Webhooks>);

impl Verifier for Signed {
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), NotVerified> {
        self.0.verify(headers, body)
    }
}

/// The Airlock of the settings, where it is one.
pub(crate) fn airlock(config: &Config) -> Result<Option<BetterAuth>, Failure> {
    let Auth::Airlock { url, cookie, tenant, origins, .. } = &config.auth else { return Ok(None) };
    let mut options = BetterAuthOptions::new(url);
    options.origins.clone_from(origins);
    if let Some(tenant) = tenant {
        options.tenant.clone_from(tenant);
    }
    if let Some(cookie) = cookie {
        options.cookie.clone_from(cookie);
    }
    BetterAuth::new(options).map(Some).map_err(refused)
}

/// The Polar of the settings, where billing is enabled.
pub(crate) fn paid(config: &Config) -> Result<Option<Paid>, Failure> {
    let BillingMode::Enabled { url, token, webhook_secret, checkout, success_url, .. } = &config.billing else {
        return Ok(None);
    };
    let mut options = PolarOptions::new(token.expose());
    if let Some(url) = url {
        options.url.clone_from(url);
    }
    if !checkout.is_empty() {
        let (products, success_url) = (checkout.iter().cloned().collect(), success_url.clone());
        options.checkout = Some(Checkout { products, success_url });
    }
    let webhooks = webhook_secret.as_ref().map(|secret| Webhooks::new(secret.expose())).transpose().map_err(refused)?;
    let polar = Polar::new(options).map_err(refused)?;
    Ok(Some(Paid { polar, webhooks: webhooks.map(|webhooks| Signed(Arc::new(webhooks))) }))
}

fn refused(error: impl std::error::Error) -> Failure {
    Failure::Refused(format!("{error}."))
}

impl Cloud {
    /// Takes a key from the builder for what follows from billing.
    pub(crate) fn of(paid: Paid, builder: &mut DoorsBuilder) -> Self {
        Cloud { paid, key: Arc::new(builder.service::<(ReadOnly, Restore)>("billing")) }
    }
}

/// The route for webhooks, where there is a secret to verify them with.
pub(crate) fn webhooks(routes: DoorRouter<Console>, console: &Console) -> DoorRouter<Console> {
    match &console.cloud {
        Some(Cloud { paid: Paid { webhooks: Some(signed), .. }, key }) => {
            routes.webhook("/webhooks/polar", signed.clone(), Arc::clone(key), polar_said)
        }
        _ => routes,
    }
}

async fn polar_said(verified: Verified, State(console): State<Console>) -> Result<(), Redeliver> {
    match &console.cloud {
        Some(cloud) => settle_webhook(&cloud.paid.polar, &console.hearth, &verified).await,
        None => Ok(()),
    }
}

/// `billing sync`: through the running console, or with the home to itself. Exit code 1 when something is left.
pub(crate) async fn sync(config: &Config, chosen: &Chosen) -> Ended {
    if config.billing == BillingMode::Disabled {
        return Err(Failure::Refused("ROCKY_BILLING=disabled asks nobody: there is nothing to sync with.".to_owned()));
    }
    let told: Option<Result<Vec<Synced>, String>> = control::ask_for(&config.home, SYNC).await?;
    let all = match told {
        Some(told) => told,
        None => {
            known(&config.home)?;
            let opened = open(config, chosen).await?;
            let all = opened.synced().await;
            opened.close().await?;
            all
        }
    };
    let all = all.map_err(Failure::Failed)?;
    for Synced { tenant, read_only, restored, left, error } in &all {
        // A tenant's name is another hand's, and so is what an error quotes.
        let tell =
            |slug: &str, what: &str| println!("{slug:<20}  {:<36}  {}", audit::escaped(tenant), audit::escaped(what));
        read_only.iter().for_each(|slug| tell(slug.as_str(), "read-only: its tier is not paid for any more"));
        restored.iter().for_each(|slug| tell(slug.as_str(), "restored: its tier is paid for again"));
        left.iter().for_each(|(slug, why)| tell(slug.as_str(), &format!("left: {why}")));
        if let Some(why) = error {
            tell("-", &format!("left: {why}"));
        }
    }
    let changed = all.iter().any(|synced| !synced.read_only.is_empty() || !synced.restored.is_empty());
    let settled = all.iter().all(Synced::is_settled);
    if settled && !changed {
        println!("every workspace is in step with what is paid for");
    }
    Ok(if settled { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Opened {
    async fn synced(&self) -> Result<Vec<Synced>, String> {
        match &self.cloud {
            Some(Cloud { paid, key }) => {
                let synced = sync_all(&paid.polar, &self.doors, &self.hearth, key).await;
                synced.map_err(|denied| denied.to_string())
            }
            None => Err("ROCKY_BILLING=disabled asks nobody".to_owned()),
        }
    }

    /// Puts every workspace above solo in step with what is paid for, as `billing sync` does.
    ///
    /// # Errors
    /// [`Failure`], when that is not known, or some could not be.
    pub async fn sync_billing(&self) -> Result<(), Failure> {
        match self.synced().await {
            Ok(all) if all.iter().all(Synced::is_settled) => Ok(()),
            Ok(all) => Err(Failure::Failed(format!("not all is in step: {all:?}"))),
            Err(why) => Err(Failure::Failed(why)),
        }
    }
}

/// What a running console answers besides, on its control socket.
pub(crate) fn commands(opened: &Opened) -> impl Fn(&str) -> Option<BoxFuture<'static, Value>> + Send + Sync + 'static {
    let (doors, hearth, cloud) = (opened.doors.clone(), opened.hearth.clone(), opened.cloud.clone());
    move |name| {
        let Cloud { paid, key } = cloud.clone().filter(|_| name == SYNC)?;
        let (doors, hearth) = (doors.clone(), hearth.clone());
        Some(Box::pin(async move {
            let synced = sync_all(&paid.polar, &doors, &hearth, &key).await.map_err(|denied| denied.to_string());
            serde_json::to_value(synced).unwrap_or_default()
        }))
    }
}
