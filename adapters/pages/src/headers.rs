//! What browsers are told about every page: run and load nothing that this node does not serve itself.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_EMBEDDER_POLICY: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");
pub(crate) const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// What a page is for, which decides what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A page of its own, which no other page may frame.
    Page,
    /// A page that frames elements of this node.
    Shop,
    /// A page that any merchant's page frames.
    View,
    /// The payer's app, which reads codes with the camera.
    Wallet,
}

impl Purpose {
    /// Its Content-Security-Policy (level 3).
    fn policy(self) -> &'static str {
        match self {
            Self::Page | Self::Wallet => {
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                 base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            }
            Self::Shop => {
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                 frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            }
            // Whoever frames it sees a code that only the payer's app can use: there is nothing to be clicked into.
            Self::View => {
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                 base-uri 'none'; form-action 'none'; frame-ancestors *"
            }
        }
    }

    /// What it may ask a browser for.
    fn permissions(self) -> &'static str {
        match self {
            Self::Page | Self::Shop | Self::View => "camera=(), microphone=(), geolocation=(), payment=()",
            Self::Wallet => "camera=(self), microphone=(), geolocation=(), payment=()",
        }
    }
}

/// Says so in an answer's headers. A page is never kept: it shows a moment, and may have a client secret in its address.
pub(crate) fn secure(headers: &mut HeaderMap, purpose: Purpose) {
    let text = HeaderValue::from_static;
    headers.insert(CONTENT_SECURITY_POLICY, text(purpose.policy()));
    headers.insert(PERMISSIONS_POLICY, text(purpose.permissions()));
    headers.insert(X_CONTENT_TYPE_OPTIONS, text("nosniff"));
    headers.insert(REFERRER_POLICY, text("no-referrer"));
    if purpose == Purpose::View {
        // A merchant's page that isolates itself frames only what says both.
        headers.insert(CROSS_ORIGIN_EMBEDDER_POLICY, text("require-corp"));
        headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, text("cross-origin"));
    } else {
        // A view is not a window of its own: what it opens has to come from the merchant's page.
        headers.insert(CROSS_ORIGIN_OPENER_POLICY, text("same-origin"));
    }
    headers.insert(CACHE_CONTROL, text("no-store"));
    headers.insert(VARY, text("accept-language"));
}
