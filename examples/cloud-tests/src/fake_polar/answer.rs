//! One request and its answer.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Request, Response,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Asked, Script, Shared, Trouble,
    state::{Person, product},
};

/// The versions that it knows.
const VERSIONS: [&str; 2] = ["2026-04", "2026-10"];
const VERSION: &str = "polar-version";

/// A body that is sent whole, or up to its middle.
pub(super) struct Sent {
    bytes: Option<Bytes>,
    length: u64,
    cut: bool,
}

/// What is read of a request.
struct Question<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

/// A status and a JSON body.
type Said = (u16, Value);

/// An error closes the connection without an answer.
pub(super) async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> io::Result<Response<Sent>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let trouble = {
        let mut script = shared.script();
        script.asked.push(Asked {
            method: head.method.to_string(),
            path: path.to_owned(),
            headers: head.headers.iter().map(|(name, value)| (name.to_string(), kept(name.as_str(), value))).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
            at: Instant::now(),
        });
        script.next.pop_front().or_else(|| script.always.clone())
    };
    match trouble {
        None => {}
        Some(Trouble::Delay(time)) => tokio::time::sleep(time).await,
        Some(trouble) => return troubled(trouble),
    }
    let question = Question {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: &body,
    };
    let (status, said) = question.answered(&shared.script(), &shared.base);
    let mut response = json_response(status, &said);
    if let Some(version) = head.headers.get(VERSION).filter(|version| known(version)) {
        response.headers_mut().insert(VERSION, version.clone());
    }
    if status == 401 {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    Ok(response)
}

/// A header as the log has it.
fn kept(name: &str, value: &HeaderValue) -> String {
    let value = String::from_utf8_lossy(value.as_bytes());
    match value.split_once(' ') {
        Some((scheme, _)) if name == AUTHORIZATION.as_str() => format!("{scheme} (not kept)"),
        None if name == AUTHORIZATION.as_str() => "(not kept)".to_owned(),
        _ => value.into_owned(),
    }
}

fn known(version: &HeaderValue) -> bool {
    VERSIONS.iter().any(|known| version.as_bytes() == known.as_bytes())
}

fn troubled(trouble: Trouble) -> io::Result<Response<Sent>> {
    Ok(match trouble {
        Trouble::TooMany { retry_after } => {
            let mut response = response(429, None, Bytes::new());
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            response
        }
        Trouble::Status(status) => {
            response(status, Some("text/plain; charset=utf-8"), "The server is not well\n".into())
        }
        Trouble::Invalid => {
            let (status, said) = invalid(&["query", "external_customer_id"], "Input should be valid", "value_error");
            json_response(status, &said)
        }
        Trouble::NotJson => response(200, Some("text/html"), "<!doctype html><title>Be right back</title>".into()),
        Trouble::Says(said) => json_response(200, &said),
        Trouble::CutOff => {
            let said =
                json!({ "id": Uuid::now_v7(), "granted_benefits": [{ "benefit_metadata": { "tier": "business" } }] });
            json_response(200, &said).map(|body| Sent { cut: true, ..body })
        }
        Trouble::Drop | Trouble::Delay(_) => return Err(io::ErrorKind::ConnectionReset.into()),
    })
}

impl Question<'_> {
    fn answered(&self, script: &Script, base: &str) -> Said {
        if self.headers.get_all(VERSION).iter().any(|version| !known(version)) {
            return nothing_here();
        }
        // Decoded once, each segment by itself: an encoded slash is a slash in an id, and no border.
        let path: Vec<String> = self.path.split('/').map(decoded).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let (method, scope) = match path[..] {
            ["", "v1", "customers", "external", id, "state"] if !id.is_empty() => ("GET", "customers:read"),
            ["", "v1", "customers", id, "state"] if !id.is_empty() => ("GET", "customers:read"),
            ["", "v1", "products", id] if !id.is_empty() => ("GET", "products:read"),
            ["", "v1", "subscriptions", ""] => ("GET", "subscriptions:read"),
            ["", "v1", "checkouts", ""] => ("POST", "checkouts:write"),
            ["", "v1", "customer-sessions", ""] => ("POST", "customer_sessions:write"),
            _ => return nothing_here(),
        };
        if self.method != method {
            return (405, json!({ "detail": "Method Not Allowed" }));
        }
        if let Err(no) = self.allowed(script, scope) {
            return no;
        }
        match path[..] {
            [_, _, _, "external", id, _] => {
                let person = script.people.iter().find(|person| person.external_id == id);
                person.map_or_else(unknown, |person| (200, person.state(script)))
            }
            [_, _, "customers", id, _] => by_id(id, |id| {
                let person = script.people.iter().find(|person| person.id == id);
                person.map_or_else(unknown, |person| (200, person.state(script)))
            }),
            [_, _, "products", id] => by_id(id, |id| {
                let found = script.products.iter().find(|(known, _)| *known == id);
                found.map_or_else(unknown, |(id, tier)| (200, product(*id, tier)))
            }),
            [_, _, "subscriptions", _] => self.subscriptions(script),
            [_, _, "checkouts", _] => self.checkout(script, base),
            _ => self.customer_session(script, base),
        }
    }

    fn allowed(&self, script: &Script, scope: &str) -> Result<(), Said> {
        let mut shown = self.headers.get_all(AUTHORIZATION).iter();
        let bearer = shown
            .next()
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .filter(|_| shown.next().is_none());
        let Some(token) = bearer else {
            return Err((401, json!({ "error": "Unauthorized", "detail": "Unauthorized" })));
        };
        if token != script.token {
            let why = "The access token provided is expired, revoked, malformed, or invalid for other reasons.";
            return Err((401, json!({ "error": "invalid_token", "error_description": why })));
        }
        if !script.scopes.contains(scope) {
            let why = "The request requires higher privileges than provided by the access token.";
            return Err((403, json!({ "error": "insufficient_scope", "error_description": why, "scope": scope })));
        }
        Ok(())
    }

    fn subscriptions(&self, script: &Script) -> Said {
        let asked = |name: &str| {
            let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(known, _)| *known == name).map(|(_, value)| decoded(&value.replace('+', " ")))
        };
        let active = match asked("active").as_deref() {
            None | Some("true") => true,
            Some("false") => false,
            Some(_) => return invalid(&["query", "active"], "Input should be a valid boolean", "bool_parsing"),
        };
        let whose = asked("external_customer_id");
        let people = script.people.iter().filter(|person| whose.as_ref().is_none_or(|id| *id == person.external_id));
        let items: Vec<Value> = people
            .filter(|_| active)
            .flat_map(|person| {
                person.subscriptions.iter().map(|subscription| {
                    let mut item = subscription.clone();
                    item["customer_id"] = json!(person.id);
                    item["customer"] = person.plain();
                    item
                })
            })
            .collect();
        let pages = usize::from(!items.is_empty());
        (200, json!({ "pagination": { "total_count": items.len(), "max_page": pages }, "items": items }))
    }

    fn checkout(&self, script: &Script, base: &str) -> Said {
        let body = match self.json() {
            Ok(body) => body,
            Err(no) => return no,
        };
        let products = body["products"].as_array().cloned().unwrap_or_default();
        if products.is_empty() {
            return invalid(&["body", "products"], "Field required", "missing");
        }
        let known = |id: &Value| script.products.iter().any(|(known, _)| json!(known) == *id);
        if !products.iter().all(known) {
            return invalid(&["body", "products"], "Product does not exist.", "value_error");
        }
        let secret = format!("polar_c_{}", Uuid::now_v7().simple());
        let said = json!({
            "id": Uuid::now_v7(),
            "created_at": "2026-02-01T10:00:00Z",
            "status": "open",
            "url": format!("{base}/checkout/{secret}"),
            "client_secret": secret,
            "product_id": products[0],
            "products": products,
            "external_customer_id": body["external_customer_id"],
            "success_url": body["success_url"],
            "metadata": body.get("metadata").cloned().unwrap_or_else(|| json!({})),
        });
        (201, said)
    }

    fn customer_session(&self, script: &Script, base: &str) -> Said {
        let body = match self.json() {
            Ok(body) => body,
            Err(no) => return no,
        };
        let (by, id) = match (&body["customer_id"], &body["external_customer_id"]) {
            (Value::String(id), Value::Null) => ("customer_id", id),
            (Value::Null, Value::String(id)) => ("external_customer_id", id),
            _ => return invalid(&["body"], "Field required", "missing"),
        };
        let is = |person: &&Person| match by {
            "customer_id" => *id == person.id.to_string(),
            _ => *id == person.external_id,
        };
        let Some(person) = script.people.iter().find(is) else {
            return invalid(&["body", by], "Customer does not exist.", "value_error");
        };
        let token = format!("polar_cst_{}", Uuid::now_v7().simple());
        let said = json!({
            "id": Uuid::now_v7(),
            "created_at": "2026-02-01T10:00:00Z",
            "expires_at": "2099-02-01T11:00:00Z",
            "customer_portal_url": format!("{base}/portal?customer_session_token={token}"),
            "token": token,
            "customer_id": person.id,
            "customer": person.plain(),
        });
        (201, said)
    }

    fn json(&self) -> Result<Value, Said> {
        serde_json::from_slice(self.body).map_err(|_| invalid(&["body"], "JSON decode error", "json_invalid"))
    }
}

fn by_id(id: &str, found: impl FnOnce(Uuid) -> Said) -> Said {
    match Uuid::parse_str(id) {
        Ok(id) => found(id),
        Err(_) => invalid(&["path", "id"], "Input should be a valid UUID", "uuid_parsing"),
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// No such path, or no such version of it.
fn nothing_here() -> Said {
    (404, json!({ "detail": "Not Found" }))
}

/// No such customer or product.
fn unknown() -> Said {
    (404, json!({ "error": "ResourceNotFound", "detail": "Not found" }))
}

fn invalid(at: &[&str], message: &str, kind: &str) -> Said {
    (422, json!({ "error": "RequestValidationError", "detail": [{ "loc": at, "msg": message, "type": kind }] }))
}

fn json_response(status: u16, said: &Value) -> Response<Sent> {
    response(status, Some("application/json"), said.to_string().into())
}

fn response(status: u16, kind: Option<&'static str>, bytes: Bytes) -> Response<Sent> {
    let body = Sent { length: bytes.len() as u64, bytes: Some(bytes), cut: false };
    let mut response = Response::new(body);
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(bytes) = self.bytes.take() else {
            return Poll::Ready(self.cut.then(|| Err(io::ErrorKind::ConnectionReset.into())));
        };
        let sent = if self.cut { bytes.slice(..bytes.len() / 2) } else { bytes };
        Poll::Ready(Some(Ok(Frame::data(sent))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.as_ref().is_none_or(Bytes::is_empty) && !self.cut
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
