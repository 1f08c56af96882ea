//! The gateway, driven over real sockets, with the emulator upstream.
#![allow(clippy::unwrap_used)]

mod recorded;
mod rig;
