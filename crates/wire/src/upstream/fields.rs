//! `additionalModelRequestFields`: parameters of the model itself, which stand among the body's own members.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::envelope::{Envelope, Members};
use crate::{Json, Notices};

/// The parameters that are not yet placed.
#[derive(Default)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    pub(super) fn read(fields: Option<&'a Json>, notices: &mut Notices) -> Self {
        let Some(fields) = fields else { return Self::default() };
        match serde_json::from_str(fields.get()) {
            Ok(Members(members)) => Self(members),
            Err(_) => {
                notices.dropped("additionalModelRequestFields", "it is no object");
                Self::default()
            }
        }
    }

    /// Takes one out that has a place of its own.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a RawValue> {
        let at = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.swap_remove(at).1)
    }

    /// The body with the rest beside its own members, or in place of them. Those of the conversation (`ours`) are no
    /// parameters and stay.
    pub(super) fn merge(self, body: Vec<u8>, ours: &[&str], notices: &mut Notices) -> Vec<u8> {
        let (refused, fields): (Vec<_>, Vec<_>) =
            self.0.into_iter().partition(|(key, _)| ours.contains(&key.as_ref()));
        for (key, _) in refused {
            notices.dropped(format!("additionalModelRequestFields.{key}"), "the request itself says it");
        }
        if fields.is_empty() {
            return body;
        }
        let Members(members) = serde_json::from_slice(&body).expect("a body of our own is an object");
        let mut out = Envelope::with_capacity(body.len() + 64);
        let is_replaced = |key: &str| fields.iter().any(|(field, _)| field == key);
        for (key, value) in members.iter().filter(|(key, _)| !is_replaced(key)) {
            out.member(key, value.get().as_bytes());
        }
        for (key, value) in &fields {
            out.member(key, value.get().as_bytes());
        }
        out.finish()
    }
}
