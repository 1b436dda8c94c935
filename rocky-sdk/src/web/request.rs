//! What the doors learn from a request's head: who asks, for what, and which request it is.

use axum::{
    extract::{FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, HeaderValue, request::Parts},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

use crate::{
    Authenticated, Credentials, Denied, Doors, Inbound, Role, Slug,
    doors::{Problem, visible},
    sealed::Wanted,
};

const REQUEST_ID: &str = "x-request-id";

/// The doors that a router was made with. Of a private type, so that the state stays the user's own.
#[derive(Clone)]
pub(super) struct Mounted(pub(super) Doors);

#[derive(Clone)]
struct RequestId(String);

/// Gives each request its id (its own, where that is sane), and the answer the same.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
    let given = header(request.headers(), REQUEST_ID).filter(|id| visible(id));
    let id = given.map_or_else(|| crate::unique::id().to_string(), str::to_owned);
    let span = tracing::info_span!("request", method = %request.method(), path = request.uri().path(), requestid = id);
    let answered = HeaderValue::from_str(&id);
    request.extensions_mut().insert(RequestId(id));
    let mut response = next.run(request).instrument(span).await;
    if let Ok(id) = answered {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

impl<R: Role, S: Send + Sync> FromRequestParts<S> for Authenticated<R> {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        let Some(Mounted(doors)) = parts.extensions.get().cloned() else {
            return Err(Problem::new(
                500,
                "no-doors",
                "This route is mounted without doors: mount it on a `DoorRouter`.",
            )
            .denied());
        };
        let inbound = inbound(parts, state).await;
        doors.authenticate_inbound(&Credentials::from_request(&parts.method, &parts.headers), inbound).await
    }
}

pub(super) async fn inbound<S: Send + Sync>(parts: &mut Parts, state: &S) -> Inbound {
    let subject = path_slug(parts, state).await;
    let wanted = parts.extensions.get::<Wanted>().map(|wanted| wanted.0);
    let mut inbound = Inbound::default().about(subject).wanted(wanted);
    if let Some(RequestId(id)) = parts.extensions.get() {
        inbound = inbound.request_id(id);
    }
    if let Some(value) = header(&parts.headers, "traceparent") {
        inbound = inbound.traceparent(value);
    }
    // A key that is no text, or two of them, is left for door 2 to refuse: ignoring it would do the action twice.
    let mut keys = parts.headers.get_all("idempotency-key").iter();
    if let Some(first) = keys.next() {
        let only = first.to_str().ok().filter(|_| keys.next().is_none());
        inbound = inbound.idempotency_key(only.unwrap_or_default());
    }
    inbound
}

/// The workspace that the path names, where it names one.
async fn path_slug<S: Send + Sync>(parts: &mut Parts, state: &S) -> Option<Slug> {
    let params = RawPathParams::from_request_parts(parts, state).await.ok()?;
    let slug = params.iter().find(|(name, _)| *name == "slug").map(|(_, value)| Slug::parse(value));
    slug?.ok()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
