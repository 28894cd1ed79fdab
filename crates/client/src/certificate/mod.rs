//! What the server, the client and the load generator share of certificates. It is not
//! for users, and changes without notice.

mod validity;
#[cfg(feature = "client")]
mod verify;

pub use self::validity::CertificateValidity;
#[cfg(feature = "client")]
pub use self::verify::{CertificateVerifier, system_roots};
