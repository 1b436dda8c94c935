//! One event on its way to HATCH: a CloudEvents 1.0 object without the three fields that the writer adds.

use serde::Serialize;
use uuid::Uuid;

/// What the rule for `hash` and the fields of `data` are versioned by.
pub(crate) const SCHEMA: &str = "urn:rocky:hatch:1";

/// Who did it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Actor<'a> {
    pub(crate) tenant: Option<&'a str>,
    pub(crate) actor: Option<&'a str>,
    pub(crate) role: Option<&'a str>,
}

/// What a caller of RELAY says of an event; RELAY adds the rest.
pub(crate) struct Event<'a, D> {
    pub(crate) kind: &'a str,
    pub(crate) subject: Option<&'a str>,
    pub(crate) who: Actor<'a>,
    pub(crate) actionid: Option<Uuid>,
    pub(crate) requestid: Option<&'a str>,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) data: D,
}

#[derive(Serialize)]
struct Line<'a, D> {
    specversion: &'static str,
    id: Uuid,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    time: String,
    datacontenttype: &'static str,
    dataschema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actionid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requestid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: &'a D,
}

impl<D: Serialize> Event<'_, D> {
    /// The line's bytes up to where the writer goes on with `,"sequence":`.
    pub(crate) fn stamped(&self, source: &str) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = Vec::with_capacity(512);
        serde_json::to_writer(
            &mut bytes,
            &Line {
                specversion: "1.0",
                id: crate::unique::id(),
                source,
                kind: self.kind,
                time: crate::deployment::timestamp(),
                datacontenttype: "application/json",
                dataschema: SCHEMA,
                subject: self.subject,
                tenant: self.who.tenant,
                actor: self.who.actor,
                role: self.who.role,
                actionid: self.actionid,
                requestid: self.requestid,
                traceparent: self.traceparent,
                data: &self.data,
            },
        )?;
        bytes.pop(); // the closing brace: the writer puts it back
        if memchr::memchr(b'\n', &bytes).is_some() {
            return Err(serde::ser::Error::custom("an event is one line"));
        }
        Ok(bytes)
    }
}
