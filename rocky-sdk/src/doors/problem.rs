//! What a caller is told when the answer is no: a status, a code that never changes, one sentence.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Tier;

/// RFC 9457's object, kept inside [`Denied`](super::Denied) and [`Refusal`](super::Refusal). Its status is 4xx or 5xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: Cow<'static, str>,
    status: u16,
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    /// Until when a read-only workspace refuses; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// The tier that would have to be paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<Tier>,
    /// Where to pay for it. It is for the caller alone: no event and no kept answer has it.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    checkout_url: Option<String>,
    /// Seconds after which trying again makes sense.
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    pub(crate) fn new(status: u16, code: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        debug_assert!((400..600).contains(&status), "a problem is never a success");
        let code = code.into();
        let title = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        Problem {
            kind: format!("urn:rocky:problem:{code}"),
            title: title.unwrap_or("Refused").into(),
            status,
            code,
            detail: detail.into(),
            until: None,
            tier: None,
            checkout_url: None,
            retry_after: (status == 503).then_some(1),
        }
    }

    pub(crate) fn until(self, date: impl Into<String>) -> Self {
        Problem { until: Some(date.into()), ..self }
    }

    #[cfg(feature = "polar")]
    pub(crate) fn needs(self, tier: Tier, checkout_url: Option<String>) -> Self {
        Problem { tier: Some(tier), checkout_url, ..self }
    }

    /// Trying again makes sense after so many seconds, where they are known.
    #[cfg(feature = "polar")]
    pub(crate) fn after(self, seconds: Option<u64>) -> Self {
        let seconds = seconds.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
        Problem { retry_after: seconds.or(self.retry_after), ..self }
    }

    /// Never a success, whatever a ledger kept.
    pub(crate) fn status(&self) -> u16 {
        if (400..600).contains(&self.status) { self.status } else { 500 }
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }
}
