//! The Query protocol of IAM, STS and CloudWatch: a form in, XML out.

use http::StatusCode;
use outcrop_wire::xml::Element;

use super::refusal::Refused;
use crate::operation::query_pairs;
use crate::reply::{Payload, Reply};

/// The parameters of a request.
#[derive(Debug)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form; AWS takes the parameters in the address as well.
    pub(crate) fn read(query: &str, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body);
        Self(query_pairs(query).chain(query_pairs(&body)).collect())
    }

    /// A parameter's value.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter's value that must be there.
    ///
    /// # Errors
    /// 400 `ValidationError`, as both services word it.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refused> {
        self.text(name).filter(|text| !text.is_empty()).ok_or_else(|| {
            let mut member = name.to_owned();
            member[..1].make_ascii_lowercase();
            validation(format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    /// A parameter's value as a number.
    ///
    /// # Errors
    /// 400 `ValidationError` for what is no number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Refused> {
        let wrong = |text: &str| validation(format!("Value '{text}' at '{name}' is not a number"));
        self.text(name).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    /// The values of `NAME.member.1`, `NAME.member.2`, … in order.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|at| self.text(&format!("{name}.member.{at}"))).collect()
    }

    /// The members `first` and `second` of each of `NAME.member.N`.
    pub(crate) fn pairs(&self, name: &str, first: &str, second: &str) -> Vec<(&str, &str)> {
        let member = |at: usize, part: &str| self.text(&format!("{name}.member.{at}.{part}"));
        (1..).map_while(|at| Some((member(at, first)?, member(at, second).unwrap_or_default()))).collect()
    }
}

/// A service's namespace and the answers in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    pub(crate) namespace: &'static str,
}

impl Dialect {
    /// `<ActionResponse><ActionResult>…`; the result is left out where the operation has none.
    pub(crate) fn answer(self, action: &str, result: Option<Vec<Element>>, request_id: &str) -> Reply {
        let mut root = Element::new(format!("{action}Response")).in_namespace(self.namespace);
        if let Some(members) = result {
            root = root.holding(Element::new(format!("{action}Result")).holding_all(members));
        }
        let metadata = Element::new("ResponseMetadata").with("RequestId", request_id);
        xml(StatusCode::OK, &root.holding(metadata))
    }

    /// `<ErrorResponse>`.
    pub(crate) fn refusal(self, refused: &Refused, request_id: &str) -> Reply {
        let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let blamed = if status.is_server_error() { "Receiver" } else { "Sender" };
        let error = Element::new("Error")
            .with("Type", blamed)
            .with("Code", &refused.code)
            .with("Message", &refused.message);
        let root = Element::new("ErrorResponse").in_namespace(self.namespace).holding(error);
        xml(status, &root.with("RequestId", request_id))
    }
}

/// 400 `ValidationError`.
pub(crate) fn validation(message: impl Into<String>) -> Refused {
    Refused::new(400, "ValidationError", message)
}

/// 400 `InvalidAction`, for what is no operation here.
pub(crate) fn unknown_action(action: &str) -> Refused {
    Refused::new(400, "InvalidAction", format!("Could not find operation {action}"))
}

fn xml(status: StatusCode, root: &Element) -> Reply {
    Reply::new(status, "text/xml", Payload::Whole(root.document().into()))
}
