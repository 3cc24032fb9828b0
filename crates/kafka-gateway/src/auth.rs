//! Who asks.

/// Someone who may write.
pub struct Client {
    /// As configured; `anonymous` without a key or certificate.
    pub name: String,
}
