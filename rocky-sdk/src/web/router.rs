//! The router that a route without doors does not compile on.

use std::{future::Future, marker::PhantomData};

use axum::{
    Extension, Router,
    handler::Handler,
    middleware,
    routing::{self, MethodRouter},
};

use super::request::{Mounted, Wanted, identify};
use crate::{Action, Authenticated, Completed, Denied, Doors, EventName, Refusal, doors::Problem};

/// An axum router whose mutating routes go through the doors and whose reads know who asks.
///
/// `with_state` makes an [`axum::Router`] of it, to be served, nested or layered as any other.
#[must_use = "a router that is not served answers nobody"]
pub struct DoorRouter<S> {
    doors: Doors,
    router: Router<S>,
}

/// A handler behind the doors: `Authenticated<_>` first, `Result<Completed<A, _>, Refusal<_>>` returned. Follows from the
/// handler's form; nobody implements it.
#[diagnostic::on_unimplemented(
    message = "this handler can change state without passing the doors",
    label = "its success type is not `Completed`",
    note = "put `#[tenant_action]` on it, or, if it only reads, mount it with `.get(..)`"
)]
pub trait Guarded<Form> {
    /// The started event of its action.
    fn wanted() -> EventName;
}

/// A handler that knows who asks: `Authenticated<_>` first. Follows from the handler's form; nobody implements it.
#[diagnostic::on_unimplemented(
    message = "this handler reads without asking who is there",
    label = "its first argument is not `Authenticated<_>`",
    note = "take `Authenticated<Observer>` first, or mount it with `.public_get(..)`"
)]
pub trait Recognised<Form> {}

/// Part of a handler's form in error messages: what it returns.
#[derive(Debug)]
pub struct Via<T>(PhantomData<T>);

impl<S: Clone + Send + Sync + 'static> DoorRouter<S> {
    /// A router without routes, in front of these doors.
    pub fn new(doors: Doors) -> Self {
        DoorRouter { doors, router: Router::new() }
    }

    /// A mutating route.
    pub fn post<H: Handler<M, S> + Guarded<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.guarded(path, routing::post(handler), H::wanted())
    }

    /// A mutating route.
    pub fn put<H: Handler<M, S> + Guarded<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.guarded(path, routing::put(handler), H::wanted())
    }

    /// A mutating route.
    pub fn patch<H: Handler<M, S> + Guarded<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.guarded(path, routing::patch(handler), H::wanted())
    }

    /// A mutating route.
    pub fn delete<H: Handler<M, S> + Guarded<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.guarded(path, routing::delete(handler), H::wanted())
    }

    /// A read by somebody who is known.
    pub fn get<H: Handler<M, S> + Recognised<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.route(path, routing::get(handler))
    }

    /// A read by anybody: the one named exception.
    pub fn public_get<H: Handler<M, S>, M: 'static>(self, path: &str, handler: H) -> Self {
        self.route(path, routing::get(handler))
    }

    /// Gives the handlers their state, and makes an axum router of it. A path or method that it does not have is answered
    /// with problem+json too.
    pub fn with_state(self, state: S) -> Router {
        let router: Router = self.router.with_state(state);
        let router = router.fallback(nothing_here).method_not_allowed_fallback(not_this_method);
        router.layer(Extension(Mounted(self.doors))).layer(middleware::from_fn(identify))
    }

    fn guarded(self, path: &str, route: MethodRouter<S>, wanted: EventName) -> Self {
        self.route(path, route.layer(Extension(Wanted(wanted))))
    }

    fn route(self, path: &str, route: MethodRouter<S>) -> Self {
        DoorRouter { doors: self.doors, router: self.router.route(path, route) }
    }
}

async fn nothing_here() -> Denied {
    Denied::new(Problem::new(404, "not-found", "There is nothing at this path."))
}

async fn not_this_method() -> Denied {
    Denied::new(Problem::new(405, "method-not-allowed", "This path does not take this method."))
}

macro_rules! forms {
    ($($argument:ident)*) => {
        impl<F, Fut, A, T, E, R, $($argument,)*> Guarded<(Via<(A, T, E)>, Authenticated<R>, $($argument,)*)> for F
        where
            A: Action,
            F: FnOnce(Authenticated<R>, $($argument,)*) -> Fut,
            Fut: Future<Output = Result<Completed<A, T>, Refusal<E>>>,
        {
            fn wanted() -> EventName {
                A::STARTED
            }
        }

        impl<F, Fut, R, $($argument,)*> Recognised<(Authenticated<R>, $($argument,)*)> for F
        where
            F: FnOnce(Authenticated<R>, $($argument,)*) -> Fut,
            Fut: Future,
        {
        }
    };
}
forms!();
forms!(A1);
forms!(A1 A2);
forms!(A1 A2 A3);
forms!(A1 A2 A3 A4);
forms!(A1 A2 A3 A4 A5);
forms!(A1 A2 A3 A4 A5 A6);
forms!(A1 A2 A3 A4 A5 A6 A7);
forms!(A1 A2 A3 A4 A5 A6 A7 A8);
