//! The responses of `send.php`, the endpoint of the original demo. Its status is
//! always 200.

/// The message was published.
pub const DEMO_SUCCESS: &str = r#"{"code":0,"msg":"success"}"#;
/// The message was refused.
pub const DEMO_FAILURE: &str = r#"{"code":-1,"msg":"fail"}"#;
