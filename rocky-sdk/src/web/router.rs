//! The router that a route without doors does not compile on.

use std::{future::Future, marker::PhantomData, sync::Arc};

use axum::{
    Extension, Router,
    extract::{FromRequest, FromRequestParts, Request, State},
    handler::Handler,
    middleware,
    response::IntoResponse,
    routing::{self, MethodRouter},
};

use super::{
    request::{Mounted, identify},
    webhook::{Hook, Redeliver, Verified, Verifier},
};
use crate::{
    Action, Authenticated, Completed, Denied, Doors, Refusal, ServiceKey,
    doors::Problem,
    sealed::{ByRockyAlone, Wanted},
};

/// An axum router whose mutating routes go through the doors and whose reads know who asks.
///
/// `with_state` makes an [`axum::Router`] of it, to be served, nested or layered as any other.
#[must_use = "a router that is not served answers nobody"]
pub struct DoorRouter<S> {
    doors: Doors,
    router: Router<S>,
}

/// A handler behind the doors: `Authenticated<_>` first, `Result<Completed<A, _>, Refusal<_>>` returned. Follows from the
/// handler's form; nobody else can implement it, because its function returns a type that has no name outside.
#[diagnostic::on_unimplemented(
    message = "this handler can change state without passing the doors",
    label = "put `#[tenant_action]` on this fn",
    note = "by hand, it takes `Authenticated<_>` first and returns `Result<Completed<_, _>, Refusal<_>>`",
    note = "if it only reads, mount it with `.get(..)`"
)]
pub trait Guarded<Form> {
    /// The started event of its action.
    fn wanted() -> Wanted;
}

/// A handler that knows who asks: `Authenticated<_>` first. Follows from the handler's form; nobody else can implement it.
#[diagnostic::on_unimplemented(
    message = "this handler reads without asking who is there",
    label = "its first argument is not `Authenticated<_>`",
    note = "take `_: Authenticated<Observer>` first, or mount it with `.public_get(..)`"
)]
pub trait Recognised<Form> {
    /// Cannot be written outside rocky.
    fn sealed() -> ByRockyAlone;
}

/// An axum handler for a router of this state, under a sentence of ours. Every handler is one.
///
/// ```
/// use rocky_sdk::web::{DoorRouter, Mountable};
///
/// /// What a load balancer asks, mounted in front of everybody.
/// fn with_health<H, M>(router: DoorRouter<()>, health: H) -> DoorRouter<()>
/// where
///     H: Mountable<M, ()>,
///     M: 'static,
/// {
///     router.public_get("/healthz", health)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "axum cannot call this handler",
    label = "one of its arguments is not read from a request, or its answer cannot be one",
    note = "a route's arguments are extractors: `Path<_>`, `Query<_>`, `State<_>` of what `.with_state(..)` is given"
)]
pub trait Mountable<M, S>: Handler<M, S> {}

#[diagnostic::do_not_recommend]
impl<H: Handler<M, S>, M, S> Mountable<M, S> for H {}

/// A handler that axum calls with what it extracted from the request, and no other way: an async fn or closure of up to 16
/// extractors. Follows from the handler's form; nobody else can implement it. A [`Handler`] of one's own could answer without
/// having called the fn that looks like a guarded one.
///
/// A helper that mounts a handler asks of it what [`DoorRouter::post`] does:
/// ```
/// use rocky_sdk::web::{DoorRouter, Extracted, Guarded};
///
/// // At its path of today, and at the one that older clients know.
/// fn post_at_both<S, H, M, Form>(router: DoorRouter<S>, path: &str, handler: H) -> DoorRouter<S>
/// where
///     S: Clone + Send + Sync + 'static,
///     H: Extracted<M, S> + Guarded<Form>,
///     M: 'static,
/// {
///     router.post(path, handler.clone()).post(&format!("/v1{path}"), handler)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "axum cannot call this handler",
    label = "one of its arguments is not read from a request, or its answer cannot be one",
    note = "a route's arguments are extractors: `Path<_>`, `Query<_>`, `State<_>` of what `.with_state(..)` is given"
)]
pub trait Extracted<M, S>: Handler<M, S> {
    /// Cannot be written outside rocky.
    fn sealed() -> ByRockyAlone;
}

/// Nothing has it: it carries the sentence that the compiler says when a route is mounted as on an axum router.
///
/// ```compile_fail,E0277
/// # use axum::routing::MethodRouter;
/// # use rocky_sdk::web::{DoorRouter, MountedByMethod};
/// fn mounted<R: MountedByMethod>(router: DoorRouter<()>, route: R) -> DoorRouter<()> {
///     router.route("/keys", route)
/// }
/// fn keys(router: DoorRouter<()>, route: MethodRouter<()>) -> DoorRouter<()> {
///     mounted(router, route) // a `DoorRouter` mounts a route by its method
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a `DoorRouter` mounts a route by its method",
    label = "write `.post(path, handler)`, `.put`, `.patch`, `.delete` or `.get`, without `routing::`",
    note = "what `routing::post(handler)` gives has forgotten whether the handler goes through the doors"
)]
pub trait MountedByMethod {
    /// Cannot be written outside rocky.
    fn sealed() -> ByRockyAlone;
}

/// Part of a handler's form in error messages: what it returns.
///
/// The form of a route that [`tenant_action`](crate::tenant_action) wrote, which [`Guarded`] is asked about:
/// ```
/// use std::convert::Infallible;
/// use rocky_sdk::{Admin, Authenticated, Entitled, tenant_action, web::{Guarded, Payload, Via}};
/// # #[tenant_action(
/// #     role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed"
/// # )]
/// # struct Rotate { key: String }
///
/// #[tenant_action]
/// async fn rotate(token: &Entitled<Rotate>) -> Result<String, Infallible> {
///     Ok(format!("{} is new", token.action().key))
/// }
///
/// type Form = (Via<(Rotate, String, Infallible)>, Authenticated<Admin>, Payload<Rotate>);
/// fn goes_through_the_doors(_: impl Guarded<Form>) {}
/// goes_through_the_doors(rotate);
/// ```
#[derive(Debug)]
pub struct Via<T>(PhantomData<T>);

impl<S: Clone + Send + Sync + 'static> DoorRouter<S> {
    /// A router without routes, in front of these doors.
    pub fn new(doors: Doors) -> Self {
        DoorRouter { doors, router: Router::new() }
    }

    /// A mutating route.
    pub fn post<H: Extracted<M, S> + Guarded<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.guarded(path, routing::post(handler), H::wanted())
    }

    /// A mutating route.
    pub fn put<H: Extracted<M, S> + Guarded<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.guarded(path, routing::put(handler), H::wanted())
    }

    /// A mutating route.
    pub fn patch<H: Extracted<M, S> + Guarded<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.guarded(path, routing::patch(handler), H::wanted())
    }

    /// A mutating route.
    pub fn delete<H: Extracted<M, S> + Guarded<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.guarded(path, routing::delete(handler), H::wanted())
    }

    /// A read by somebody who is known.
    pub fn get<H: Extracted<M, S> + Recognised<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.mounted(path, routing::get(handler))
    }

    /// A read by anybody: the one named exception.
    pub fn public_get<H: Mountable<M, S>, M: 'static>(self, path: &str, handler: H) -> Self {
        self.mounted(path, routing::get(handler))
    }

    /// A webhook, posted by another service. Its body, of up to 1 MiB, is verified before anything is made of it; a stranger's is
    /// 403 `denied`, and `auth.denied`. The handler gets it with the key, which is good for its actions and nothing else: what
    /// the webhook is to change goes through the doors too. `Ok` answers 204, [`Redeliver`] 503.
    ///
    /// ```
    /// # use axum::http::HeaderMap;
    /// # use rocky_sdk::{tenant_action, web::{NotVerified, Verifier}};
    /// use std::convert::Infallible;
    /// use axum::{Router, extract::State};
    /// use rocky_sdk::{Admin, Doors, ServiceKey, web::{DoorRouter, Redeliver, Verified}};
    /// # #[tenant_action(
    /// #     role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed"
    /// # )]
    /// # struct Rotate { key: String }
    /// # struct Signed;
    /// # impl Verifier for Signed {
    /// #     fn verify(&self, _: &HeaderMap, _: &[u8]) -> Result<(), NotVerified> { Err(NotVerified("not signed")) }
    /// # }
    ///
    /// /// A key has leaked, and its name is the body.
    /// async fn leaked(verified: Verified, State(tenant): State<String>) -> Result<(), Redeliver> {
    ///     let key = String::from_utf8_lossy(verified.body()).into_owned();
    ///     let service = verified.doors().authenticate_service::<Admin>(verified.key(), &tenant).await?;
    ///     let audited = service.audit(Rotate { key }).await?;
    ///     drop(audited.perform((), |_, ()| Box::pin(async { Ok::<(), Infallible>(()) })).await?);
    ///     Ok(())
    /// }
    ///
    /// /// The key is of `builder.service::<(Rotate,)>("leaks")`, and `Signed` a `Verifier`.
    /// fn app(doors: Doors, key: ServiceKey) -> Router {
    ///     DoorRouter::new(doors).webhook("/leaks", Signed, key, leaked).with_state("acme".to_owned())
    /// }
    /// ```
    pub fn webhook<F, Fut>(
        self,
        path: &str,
        verifier: impl Verifier,
        key: impl Into<Arc<ServiceKey>>,
        handler: F,
    ) -> Self
    where
        F: Fn(Verified, State<S>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Redeliver>> + Send + 'static,
    {
        let hook = Arc::new(Hook { doors: self.doors.clone(), verifier: Box::new(verifier), key: key.into() });
        let route = move |state: State<S>, request: Request| {
            let (hook, handler) = (Arc::clone(&hook), handler.clone());
            async move {
                let verified = hook.verified(request, &state.0).await?;
                hook.handled(handler(verified, state)).await
            }
        };
        self.mounted(path, routing::post(route))
    }

    /// Gives the handlers their state, and makes an axum router of it. A path or method that it does not have is answered
    /// with problem+json too.
    pub fn with_state(self, state: S) -> Router {
        let router: Router = self.router.with_state(state);
        let router = router.fallback(nothing_here).method_not_allowed_fallback(not_this_method);
        router.layer(Extension(Mounted(self.doors))).layer(middleware::from_fn(identify))
    }

    /// Does not compile: a route is mounted by its method, with [`post`](Self::post) and the like. It is here so that the
    /// compiler can say so.
    ///
    /// ```compile_fail,E0277
    /// # use rocky_sdk::{Doors, web::DoorRouter};
    /// fn app(doors: Doors) -> axum::Router {
    ///     DoorRouter::new(doors).route("/keys", axum::routing::post(|| async { "rotated" })).with_state(())
    /// }
    /// ```
    pub fn route<Route: MountedByMethod>(self, path: &str, route: Route) -> Self {
        drop((path, route));
        self
    }

    fn guarded(self, path: &str, route: MethodRouter<S>, wanted: Wanted) -> Self {
        self.mounted(path, route.layer(Extension(wanted)))
    }

    fn mounted(self, path: &str, route: MethodRouter<S>) -> Self {
        DoorRouter { doors: self.doors, router: self.router.route(path, route) }
    }
}

async fn nothing_here() -> Denied {
    Problem::new(404, "not-found", "There is nothing at this path.").denied()
}

async fn not_this_method() -> Denied {
    Problem::new(405, "method-not-allowed", "This path does not take this method.").denied()
}

macro_rules! forms {
    ($($argument:ident)*) => {
        impl<F, Fut, A, T, E, R, $($argument,)*> Guarded<(Via<(A, T, E)>, Authenticated<R>, $($argument,)*)> for F
        where
            A: Action,
            F: FnOnce(Authenticated<R>, $($argument,)*) -> Fut,
            Fut: Future<Output = Result<Completed<A, T>, Refusal<E>>>,
        {
            fn wanted() -> Wanted {
                Wanted(A::STARTED)
            }
        }

        impl<F, Fut, R, $($argument,)*> Recognised<(Authenticated<R>, $($argument,)*)> for F
        where
            F: FnOnce(Authenticated<R>, $($argument,)*) -> Fut,
            Fut: Future,
        {
            fn sealed() -> ByRockyAlone {
                ByRockyAlone
            }
        }
    };
}

// With axum's own conditions for its own `Handler`: where they hold, nobody else can have implemented it.
macro_rules! extracted {
    ($($argument:ident)* ; $last:ident) => {
        #[diagnostic::do_not_recommend]
        impl<F, Fut, S, M, $($argument,)* $last> Extracted<(M, $($argument,)* $last,), S> for F
        where
            F: FnOnce($($argument,)* $last) -> Fut + Clone + Send + Sync + 'static,
            F: Handler<(M, $($argument,)* $last,), S>,
            Fut: Future + Send,
            Fut::Output: IntoResponse,
            S: Send + Sync + 'static,
            $($argument: FromRequestParts<S> + Send,)*
            $last: FromRequest<S, M> + Send,
        {
            fn sealed() -> ByRockyAlone {
                ByRockyAlone
            }
        }
    };
}

// It is no guarded handler and no recognised one, and is told so by that alone.
#[diagnostic::do_not_recommend]
impl<S: Clone + Send + Sync + 'static> Extracted<(), S> for MethodRouter<S> {
    fn sealed() -> ByRockyAlone {
        ByRockyAlone
    }
}

macro_rules! up_to {
    ($first:ident $($more:ident)*) => {
        up_to!(@ [] $first $($more)*);
    };
    (@ [$($argument:ident)*]) => {};
    (@ [$($argument:ident)*] $next:ident $($more:ident)*) => {
        forms!($($argument)*);
        extracted!($($argument)* ; $next);
        up_to!(@ [$($argument)* $next] $($more)*);
    };
}
// As many as axum takes.
up_to!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16);
