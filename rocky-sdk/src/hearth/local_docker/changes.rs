//! Upgrades and repairs: of what runs as little is touched as will do.

use super::{
    LocalDocker, Result,
    engine::{Engine, Failed, there},
    spec::{self, Plan},
};
use crate::{
    Entitled, ErrorKind, Tier,
    hearth::{DriverError, Inspection, Placement, Repair, Upgrade},
};

impl LocalDocker {
    pub(super) async fn change(&self, token: &Entitled<Upgrade>) -> Result<Placement> {
        let engine = self.engine().await?;
        let Upgrade { slug, tier } = token.action();
        let plan = self.plan_of_what_is_there(engine, token).await.map_err(DriverError::untouched)?;
        let looked = there(engine.container(&spec::name(slug)).await);
        let Some(found) = looked.map_err(|failed| DriverError::from(failed).untouched())? else {
            let image = self.image(engine).await?;
            return self.make_anew(engine, token, &plan.with(&image), None).await;
        };
        let found = self.found(&plan, found).map_err(DriverError::untouched)?;
        match engine.update(&found.id, self.options.limits_of(*tier).update()).await {
            Ok(()) => {}
            Err(Failed::Refused(status, why)) if cannot_change(status, &why) => {
                tracing::info!(%slug, status, why, "the limits cannot be changed in place: the container is made anew");
                let image = self.image_again(engine, &found).await?;
                engine.remove_container(&found.id).await?;
                return self.make_anew(engine, token, &plan.with(&image), found.tier).await;
            }
            Err(failed) => return Err(failed.into()),
        }
        let started = self.start(engine, slug, &found.id).await; // it may have been stopped
        let well = match started {
            Ok(()) => self.well(engine, slug, &found.id, token.ends_at()).await,
            Err(error) => Err(error),
        };
        if well.is_err()
            && let Some(before) = found.tier
            && let Err(again) = engine.update(&found.id, self.options.limits_of(before).update()).await
        {
            tracing::error!(?again, %slug, "a workspace could not be given its former limits");
        }
        well
    }

    /// What the workspace is to be, by what is left of it: the action that made it, for this tenant. Its image is still to be
    /// said.
    async fn plan_of_what_is_there<'t>(&'t self, engine: &Engine, token: &'t Entitled<Upgrade>) -> Result<Plan<'t>> {
        let slug = &token.action().slug;
        let Some(made_by) = self.makers(engine, slug).await?.into_iter().flatten().next() else {
            let gone = "nothing of it is on the engine: repair it first".to_owned();
            return Err(DriverError::of(ErrorKind::NotFound, "workspace-gone", gone));
        };
        Ok(Plan::new(&self.options, slug, token.session().tenant(), made_by, ""))
    }

    /// The container of an upgrade, where there is none, beside what is left of the workspace.
    async fn make_anew(
        &self,
        engine: &Engine,
        token: &Entitled<Upgrade>,
        plan: &Plan<'_>,
        before: Option<Tier>,
    ) -> Result<Placement> {
        let Upgrade { slug, tier } = token.action();
        let made = self.go_through(engine, plan, *tier, token.ends_at()).await;
        // As it was, as far as that goes: whoever looks finds out.
        if made.is_err()
            && let Some(before) = before
            && let Err(again) = self.go_through(engine, plan, before, token.ends_at()).await
        {
            tracing::error!(%again, %slug, "a workspace could not be made as it was");
        }
        made
    }

    /// Starts what is stopped, makes anew what is gone, and keeps the data that is there. One that answers as its row says
    /// stays as it is, whatever image is configured by now.
    pub(super) async fn mend(&self, token: &Entitled<Repair>) -> Result<Placement> {
        let engine = self.engine().await?;
        let row = token.row().ok_or_else(|| DriverError::failed("there is no row to repair it by"))?;
        let slug = &token.action().slug;
        if let Inspection::Serving(placement) = self.look(slug).await.map_err(DriverError::untouched)?
            && placement.tier == row.tier
            && row.url.as_ref() == Some(&placement.url)
        {
            return Ok(placement);
        }
        let image = self.image(engine).await?;
        let makers = self.makers(engine, slug).await?;
        let actionid = makers.into_iter().flatten().next().unwrap_or_else(|| token.actionid());
        let plan = Plan::new(&self.options, slug, &row.tenant, actionid, &image);
        self.go_through(engine, &plan, row.tier, token.ends_at()).await
    }
}

/// Whether it is the limits that cannot be changed, and not the engine that is in trouble, in which nothing is taken away.
fn cannot_change(status: u16, why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    let of_the_kernel = ["cgroup", "kernel", "not supported"].iter().any(|word| why.contains(word));
    status == 409 || (status >= 500 && of_the_kernel && !why.contains("no space"))
}
