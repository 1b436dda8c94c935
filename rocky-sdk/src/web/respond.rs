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
