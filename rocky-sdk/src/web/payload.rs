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
#[derive(Debug)]
pub struct Payload<A>(pub A);

impl<A: Action, S: Send + Sync> FromRequest<S> for Payload<A> {
    type Rejection = Denied;

    async fn from_request(request: Request, state: &S) -> Result<Self, Denied> {
        let denied = |problem: Problem| Err(problem.denied());
        let (mut parts, body) = request.into_parts();
        let path = path(&mut parts, state).await?;
        let json = is_json(&parts.headers);
        let mut request = Request::from_parts(parts, body);
        DefaultBodyLimit::max(BODY_BYTES).apply(&mut request);
        let body = match Bytes::from_request(request, state).await {
            Ok(body) => body,
            Err(rejection) => {
                let too_large = rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE;
                return denied(if too_large {
                    Problem::new(413, "too-large", "The body has more than 64 KiB.")
                } else {
                    Problem::new(400, "unreadable-body", "The body broke off.")
                });
            }
        };
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
