//! The control plane: inference profiles, tags, foundation models.

pub(crate) mod profiles;
pub(crate) mod seeds;
pub(crate) mod store;
