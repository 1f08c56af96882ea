//! The services beside Bedrock, as far as its users need them: S3, CloudWatch Logs, CloudWatch, IAM and STS.
//!
//! They live at the same address as the emulated Bedrock and hold what that writes: invocation logs, batch files, the
//! roles it assumes. Each module is one service; what they keep is in memory. Nothing here knows of models.

#[allow(dead_code, reason = "S3 and the invocation log come next")]
pub(crate) mod objects;
