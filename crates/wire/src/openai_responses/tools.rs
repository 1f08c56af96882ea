//! The tools of a Responses request.
//!
//! Converse has functions only. A `custom` tool, which takes one text, is sent as a function with the one argument
//! `input`; a `namespace` is flattened into the names of its tools. [`DeclaredTools`] remembers what the client declared,
//! so that the answer calls the tool it knows.

use outcrop_texts as texts;

use super::request::{Tool as ResponsesTool, ToolChoice as ResponsesChoice, ToolFormat};
use crate::bedrock::{Empty, InputSchema, NamedTool, Tool, ToolChoice, ToolConfig, ToolSpec};
use crate::dialect::{DeclaredTool, DeclaredTools, Intent, RequestError};
use crate::openai_chat::no_arguments;
use crate::place::Place;
use crate::shape::TextOr;
use crate::{Json, JsonText, Notices};

const TOOLS: Place<'_> = Place::Named("tools");

/// The tools on offer, and those of them that are no plain functions.
#[derive(Debug, Default)]
pub(super) struct Tools {
    offered: Vec<Tool>,
    pub(super) declared: DeclaredTools,
}

impl Tools {
    pub(super) fn read(tools: Vec<ResponsesTool<'_>>, notices: &mut Notices) -> Result<Self, RequestError> {
        let mut read = Self::default();
        for (index, tool) in tools.into_iter().enumerate() {
            read.add(tool, None, TOOLS.item(index), notices)?;
        }
        Ok(read)
    }

    /// What Converse is told; nothing where nothing is on offer.
    pub(super) fn config(
        self,
        choice: Option<TextOr<'_, ResponsesChoice<'_>>>,
        intent: &mut Intent,
        notices: &mut Notices,
    ) -> Result<(Option<ToolConfig>, DeclaredTools), RequestError> {
        let Self { offered: tools, declared } = self;
        let tool_choice = choice.map(|choice| tool_choice(choice, intent, notices)).transpose()?.flatten();
        let config = (!tools.is_empty()).then_some(ToolConfig { tools, tool_choice });
        Ok((config, declared))
    }

    /// The name that a call in the history has for Bedrock.
    pub(super) fn name(&self, namespace: Option<&str>, name: &str) -> String {
        match namespace {
            Some(namespace) if self.declared.contains_key(&qualified(namespace, name)) => {
                qualified(namespace, name)
            }
            _ => name.to_owned(),
        }
    }

    fn add(
        &mut self,
        tool: ResponsesTool<'_>,
        namespace: Option<&str>,
        path: Place<'_>,
        notices: &mut Notices,
    ) -> Result<(), RequestError> {
        let ResponsesTool {
            kind,
            name,
            description,
            parameters,
            strict,
            format,
            tools,
            defer_loading: _,
            unknown,
        } = tool;
        let name = || -> Result<String, RequestError> {
            let name = name.as_deref().filter(|name| !name.is_empty());
            name.map(str::to_owned).ok_or_else(|| RequestError::missing(path.member("name")))
        };
        let description = description.map(String::from).filter(|text| !text.is_empty());
        match kind.as_deref() {
            Some("function") => {
                notices.unknown("tools[]", unknown);
                let json = parameters.unwrap_or_else(no_arguments);
                self.offer(namespace, name()?, false, description, json, strict);
            }
            Some("custom") => {
                notices.unknown("tools[]", unknown);
                let description = described(description, format, notices);
                self.offer(namespace, name()?, true, description, one_text(), None);
            }
            Some("namespace") if namespace.is_none() => {
                notices.unknown("tools[]", unknown);
                let name = name()?;
                if description.is_some() {
                    let why = "Converse has no namespaces; their tools are offered one by one";
                    notices.dropped("tools[].description (namespace)", why);
                }
                let list = path.member("tools");
                for (index, tool) in tools.unwrap_or_default().into_iter().enumerate() {
                    self.add(tool, Some(&name), list.item(index), notices)?;
                }
            }
            kind => {
                let why = format!("tools of type `{}` do not run on Bedrock", kind.unwrap_or("none"));
                notices.push("dropped", path, why);
            }
        }
        Ok(())
    }

    fn offer(
        &mut self,
        namespace: Option<&str>,
        name: String,
        custom: bool,
        description: Option<String>,
        schema: Json,
        strict: Option<bool>,
    ) {
        let sent = namespace.map_or_else(|| name.clone(), |namespace| qualified(namespace, &name));
        if custom || namespace.is_some() {
            let tool = DeclaredTool { name, namespace: namespace.map(str::to_owned), custom };
            self.declared.insert(sent.clone(), tool);
        }
        self.offered.push(Tool::Spec(ToolSpec {
            name: sent,
            description: description.map(JsonText::from),
            input_schema: InputSchema { json: schema },
            strict,
        }));
    }
}

/// The way MCP clients join a server's name and a tool's.
fn qualified(namespace: &str, name: &str) -> String {
    format!("{namespace}__{name}")
}

/// A custom tool's description, with the grammar that its text must follow.
fn described(
    description: Option<String>,
    format: Option<ToolFormat<'_>>,
    notices: &mut Notices,
) -> Option<String> {
    let Some(ToolFormat { kind: _, syntax, definition: Some(definition), unknown }) = format else {
        return description;
    };
    notices.unknown("tools[].format", unknown);
    notices.push(
        "rewritten",
        "tools[].format",
        "Bedrock enforces no grammars; it was added to the tool's description",
    );
    let syntax = syntax.as_deref().unwrap_or_default();
    let grammar = format!("The input must follow this {syntax} grammar:\n{}", definition.0);
    Some(description.map_or_else(|| grammar.clone(), |description| format!("{description}\n\n{grammar}")))
}

fn one_text() -> Json {
    const SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string","description":"The whole input of the tool, as plain text."}},"required":["input"],"additionalProperties":false}"#;
    Json::parse(SCHEMA).expect("the text is JSON")
}

/// The arguments that stand for the text of a custom tool's call.
pub(super) fn text_arguments(input: &str) -> Json {
    #[derive(serde::Serialize)]
    struct Arguments<'a> {
        input: &'a str,
    }
    Json::of(&Arguments { input }).expect("a text is JSON")
}

/// The text of a custom tool's call; arguments of any other form (a model's slip) are handed on as they are.
pub(super) fn text_of(arguments: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Arguments {
        input: String,
    }
    serde_json::from_str(arguments).map_or_else(|_| arguments.to_owned(), |Arguments { input }| input)
}

fn tool_choice(
    choice: TextOr<'_, ResponsesChoice<'_>>,
    intent: &mut Intent,
    notices: &mut Notices,
) -> Result<Option<ToolChoice>, RequestError> {
    let wrong = || RequestError::at("tool_choice", texts::TOOL_CHOICE);
    let word = match choice {
        TextOr::Text(word) => word,
        TextOr::Else(ResponsesChoice { name: Some(name), kind: Some(kind), .. })
            if matches!(kind.as_ref(), "function" | "custom") =>
        {
            return Ok(Some(ToolChoice::Tool(NamedTool { name: name.0.into_owned() })));
        }
        TextOr::Else(ResponsesChoice { mode: Some(mode), .. }) => {
            let why = "Bedrock cannot narrow the tools, all stay on offer";
            notices.push("dropped", "tool_choice.tools", why);
            mode.0
        }
        TextOr::Else(_) => {
            notices.push(
                "dropped",
                "tool_choice",
                "only functions and custom tools can be chosen on Bedrock",
            );
            return Ok(None);
        }
    };
    match word.as_ref() {
        "auto" => Ok(Some(ToolChoice::Auto(Empty {}))),
        "required" => Ok(Some(ToolChoice::Any(Empty {}))),
        "none" => {
            intent.no_tool_calls = true;
            Ok(None)
        }
        _ => Err(wrong()),
    }
}
