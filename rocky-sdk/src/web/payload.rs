//! An action, read from a request's path and body.

use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::IntoResponse,
};

use super::merged::{self, Unreadable};
use crate::{Action, Denied, Slug, doors::Problem};

/// The largest body that is read, in bytes.
const BODY_BYTES: usize = 64 << 10;

/// An action's arguments: path parameters and the fields of a JSON object, in one. A name in both is 400. An empty body is
/// an object without fields, so a `DELETE` needs none.
///
/// It is the last argument of a route, after [`Authenticated`](crate::Authenticated): the body of somebody who may not ask
/// is not read. A body over 64 KiB is 413, one that is not `application/json` 415, one that is not JSON 400, one whose
/// fields make no such action 422; none of these leaves an event.
///
/// In an extractor of one's own:
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, body::Body, extract::{FromRequest, Request}, routing::post};
/// use rocky_sdk::{Denied, tenant_action, web::Payload};
/// # use tower::ServiceExt;
///
/// #[tenant_action(role = admin, started = "titles.rename_started", succeeded = "titles.renamed", failed = "titles.failed")]
/// struct Rename { title: String }
///
/// /// The title alone, trimmed.
/// struct Title(String);
///
/// impl<S: Send + Sync> FromRequest<S> for Title {
///     type Rejection = Denied;
///     async fn from_request(request: Request, state: &S) -> Result<Self, Denied> {
///         let Payload(action) = Payload::<Rename>::from_request(request, state).await?;
///         Ok(Title(action.title.trim().to_owned()))
///     }
/// }
///
/// // It changes nothing, so it may stand on a plain router.
/// let app: Router = Router::new().route("/preview", post(async |Title(title): Title| title));
/// for (kind, body, status) in [
///     ("application/json", r#"{"title":" Blue "}"#, 200),
///     ("application/json", r#"{"title":"Blue","by":"me"}"#, 422),
///     ("application/json", r#"{"title":"#, 400),
///     ("text/plain", "Blue", 415),
/// ] {
///     let request = Request::post("/preview").header("content-type", kind).body(Body::from(body))?;
///     assert_eq!(app.clone().oneshot(request).await?.status(), status, "{body}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Payload<A>(pub A);

impl<A: Action, S: Send + Sync> FromRequest<S> for Payload<A> {
    type Rejection = Denied;

    async fn from_request(request: Request, state: &S) -> Result<Self, Denied> {
        let denied = |problem: Problem| Err(problem.denied());
        let (mut parts, body) = request.into_parts();
        let path = path(&mut parts, state).await?;
        let json = is_json(&parts.headers);
        let body = self::body(Request::from_parts(parts, body), state, BODY_BYTES).await?;
        if !body.is_empty() && !json {
            return denied(Problem::new(415, "not-json", "Send the body as `Content-Type: application/json`."));
        }
        match merged::read(&path, &body) {
            Ok(action) => Ok(Payload(action)),
            Err(Unreadable::Malformed(why)) => {
                denied(Problem::new(400, "malformed", format!("The body is not JSON: {why}.")))
            }
            Err(Unreadable::SaidTwice(name)) => {
                let detail = format!("`{name}` is in the path and in the body: leave it out of the body.");
                denied(Problem::new(400, "said-twice", detail))
            }
            Err(Unreadable::Invalid(why)) => denied(Problem::new(422, "invalid", format!("{why}."))),
        }
    }
}

/// The workspace that the path's `{slug}` names, for reads. A name that no workspace can have is 422 `invalid`.
///
/// An extractor of one's own can begin with it:
/// ```
/// use axum::{Router, body::Body, extract::FromRequestParts, http::{Request, request::Parts}, routing::get};
/// use rocky_sdk::{Denied, web::PathSlug};
/// use tower::ServiceExt;
///
/// // Where a workspace answers.
/// struct Host(String);
///
/// impl<S: Send + Sync> FromRequestParts<S> for Host {
///     type Rejection = Denied;
///
///     async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
///         let PathSlug(slug) = PathSlug::from_request_parts(parts, state).await?;
///         Ok(Host(format!("{slug}.example.org")))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app: Router = Router::new().route("/hosts/{slug}", get(|Host(name): Host| async move { name }));
/// for (path, status) in [("/hosts/acme", 200), ("/hosts/Acme", 422)] {
///     let answer = app.clone().oneshot(Request::get(path).body(Body::empty())?).await?;
///     assert_eq!(answer.status(), status);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PathSlug(pub Slug);

impl<S: Send + Sync> FromRequestParts<S> for PathSlug {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        let path = path(parts, state).await?;
        let Some((_, slug)) = path.iter().find(|(name, _)| name == "slug") else {
            return Err(Problem::new(500, "no-slug", "This route's path has no `{slug}`.").denied());
        };
        match Slug::parse(slug) {
            Ok(slug) => Ok(PathSlug(slug)),
            Err(error) => Err(Problem::new(422, "invalid", format!("{error}.")).denied()),
        }
    }
}

/// The whole body, of no more than so many bytes.
pub(super) async fn body<S: Send + Sync>(mut request: Request, state: &S, most: usize) -> Result<Bytes, Denied> {
    DefaultBodyLimit::max(most).apply(&mut request);
    Bytes::from_request(request, state).await.map_err(|rejection| {
        let too_large = rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE;
        let problem = if too_large {
            Problem::new(413, "too-large", format!("The body has more than {} KiB.", most >> 10))
        } else {
            Problem::new(400, "unreadable-body", "The body broke off.")
        };
        problem.denied()
    })
}

/// The path's parameters, decoded.
async fn path<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<(String, String)>, Denied> {
    match RawPathParams::from_request_parts(parts, state).await {
        Ok(params) => Ok(params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()),
        Err(_) => Err(Problem::new(400, "malformed-path", "The path is not UTF-8 once it is decoded.").denied()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}
