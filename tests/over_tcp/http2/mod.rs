//! HTTP/2 in clear, by prior knowledge: what differs from HTTP/1.1. That the promises
//! of event streams hold over it, too, is tested with those of the other transports.

mod bounds;
mod client;
mod ends;
mod floods;
mod prefaces;
mod raw;
mod requests;
mod streams;
