//! How each answer looks on the wire: RFC 9457 for every no, JSON for a completed action.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{Completed, Denied, Refusal, doors::Problem};

impl IntoResponse for &Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(self).unwrap_or_else(|_| b"{}".to_vec());
        let status = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut response = (status, [kind], body).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// The denial as problem+json, with `Retry-After` where trying again makes sense.
///
/// [`DoorRouter`](super::DoorRouter) answers so by itself. A handler on another router asks at door 1 by hand:
/// ```
/// # use axum::{body::Body, http::Request};
/// # use tower::ServiceExt;
/// use axum::{Router, extract::State, http::{HeaderMap, Method}, response::{IntoResponse, Response}, routing::get};
/// use rocky_sdk::{Credentials, Doors, Observer};
///
/// async fn metrics(State(doors): State<Doors>, method: Method, headers: HeaderMap) -> Response {
///     match doors.authenticate::<Observer>(&Credentials::from_request(&method, &headers)).await {
///         Ok(_) => "rotations 7\n".into_response(),
///         Err(denied) => denied.into_response(),
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use rocky_sdk::{Billing, LocalAuth, hatch::{Journal, JournalOptions}};
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// # let (auth, first) = LocalAuth::open(home)?;
/// # let ada = rocky_sdk::Credentials::bearer(first.ok_or("a new home")?.token);
/// # let journal = Journal::open(&home.join("hatch"), JournalOptions::new("console"))?;
/// # let doors = rocky_sdk::Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await?;
/// let app: Router = Router::new().route("/metrics", get(metrics)).with_state(doors.clone());
/// let answer = app.oneshot(Request::get("/metrics").body(Body::empty())?).await?;
/// assert_eq!(answer.status(), 403);
/// assert_eq!(answer.headers()["content-type"], "application/problem+json");
/// # drop(ada);
/// # doors.shutdown(std::time::Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}

impl<E> IntoResponse for Refusal<E> {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}

impl<A, T> IntoResponse for Completed<A, T> {
    fn into_response(self) -> Response {
        let replayed = self.replayed();
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut response = (StatusCode::OK, [kind], self.into_body()).into_response();
        if replayed {
            response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}
