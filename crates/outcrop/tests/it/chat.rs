//! `outcrop chat`.
