//! Where a server is.

use serde::{Deserialize, Serialize};

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {}
impl Endpoint {
    /// x
    pub fn host_header(&self) -> &str {
        ""
    }
    /// x
    pub fn base_path(&self) -> &str {
        ""
    }
}
