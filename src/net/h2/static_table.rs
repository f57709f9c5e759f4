//! The static table of header compression (RFC 7541, appendix A).

use hyper::header::{
    ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ACCEPT_RANGES,
    ACCESS_CONTROL_ALLOW_ORIGIN, AGE, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION,
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE,
    CONTENT_TYPE, COOKIE, DATE, ETAG, EXPECT, EXPIRES, FROM, HOST, HeaderName, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, LINK, LOCATION,
    MAX_FORWARDS, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE, REFERER, REFRESH, RETRY_AFTER,
    SERVER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, USER_AGENT, VARY, VIA,
    WWW_AUTHENTICATE,
};

/// Names of the regular fields, from index [`FIRST_REGULAR`] on.
static REGULAR: [HeaderName; 47] = [
    ACCEPT_CHARSET,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    ACCEPT_RANGES,
    ACCEPT,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    AGE,
    ALLOW,
    AUTHORIZATION,
    CACHE_CONTROL,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_LOCATION,
    CONTENT_RANGE,
    CONTENT_TYPE,
    COOKIE,
    DATE,
    ETAG,
    EXPECT,
    EXPIRES,
    FROM,
    HOST,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    LAST_MODIFIED,
    LINK,
    LOCATION,
    MAX_FORWARDS,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    RANGE,
    REFERER,
    REFRESH,
    RETRY_AFTER,
    SERVER,
    SET_COOKIE,
    STRICT_TRANSPORT_SECURITY,
    TRANSFER_ENCODING,
    USER_AGENT,
    VARY,
    VIA,
    WWW_AUTHENTICATE,
];

/// The first index that is no pseudo-header's.
pub(super) const FIRST_REGULAR: usize = 15;
/// The last index.
pub(super) const LAST: usize = 61;
/// `accept-encoding`, the only regular field whose entry has a value.
pub(super) const ACCEPT_ENCODING_AT: usize = 16;
/// Its value.
pub(super) const CODINGS: &str = "gzip, deflate";

/// The statuses of indices 8 to 14.
pub(super) const STATUSES: [&str; 7] = ["200", "204", "206", "304", "400", "404", "500"];
/// The index of the first of them.
pub(super) const FIRST_STATUS: usize = 8;

/// The name of a regular field.
pub(super) fn regular(index: usize) -> Option<&'static HeaderName> {
    REGULAR.get(index.checked_sub(FIRST_REGULAR)?)
}

/// The index of a regular field's name.
pub(super) fn index_of(name: &HeaderName) -> Option<usize> {
    REGULAR.iter().position(|known| known == name).map(|at| FIRST_REGULAR + at)
}
