//! Words Bedrock uses on the wire. Each ends in `Other`, because AWS adds words without warning.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! word {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $($(#[$vmeta])* $variant,)+
            /// A word this version does not know, as it came.
            Other(String),
        }

        impl $name {
            /// The word on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(crate::union::Text::deserialize(deserializer)?.0.as_ref().into())
            }
        }
    };
}

word! {
    /// Who says a message.
    Role {
        /// The person or application.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// Instructions in mid-conversation (newest Claude models).
        System = "system",
    }
}

word! {
    /// Why the model stopped.
    StopReason {
        /// It was done.
        EndTurn = "end_turn",
        /// It wants a tool to be run.
        ToolUse = "tool_use",
        /// The token limit was reached.
        MaxTokens = "max_tokens",
        /// A stop sequence appeared.
        StopSequence = "stop_sequence",
        /// A guardrail stepped in.
        GuardrailIntervened = "guardrail_intervened",
        /// The provider's filter stepped in.
        ContentFiltered = "content_filtered",
        /// The output could not be parsed.
        MalformedModelOutput = "malformed_model_output",
        /// A tool call could not be parsed.
        MalformedToolUse = "malformed_tool_use",
        /// The context window is full.
        ModelContextWindowExceeded = "model_context_window_exceeded",
    }
}
