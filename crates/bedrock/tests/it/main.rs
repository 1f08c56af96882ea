//! The way to AWS, over real sockets, and held against AWS's own data.
#![allow(clippy::unwrap_used)]

mod endpoints;
mod network;
