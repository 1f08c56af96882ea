//! `outcrop serve`.
