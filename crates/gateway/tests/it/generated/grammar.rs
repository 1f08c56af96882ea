//! Requests as clients write them, of every dialect, by chance.

use fastrand::Rng;
use serde_json::{Value, json};

/// One pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// What clients write: mostly sensible, now and then odd, always of the right shape.
pub(super) struct Grammar<'r> {
    random: &'r mut Rng,
    /// Calls that have no result yet.
    calls: Vec<String>,
}

impl<'r> Grammar<'r> {
    pub(super) fn new(random: &'r mut Rng) -> Self {
        Self { random, calls: Vec::new() }
    }
}

impl Grammar<'_> {
    fn chance(&mut self, percent: u8) -> bool {
        self.random.u8(..100) < percent
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.random.usize(..of.len())].clone()
    }

    fn text(&mut self) -> String {
        let texts = [
            "Hello",
            "What is the weather?",
            "",
            "  ",
            "\n",
            "naïve 報告 🙂",
            "a\u{0}b",
            "{\"a\": 1}",
            "<tag>",
        ];
        if self.chance(60) { "Tell me more.".to_owned() } else { self.one(&texts).to_owned() }
    }

    fn name(&mut self) -> String {
        self.one(&[
            "get_weather",
            "search",
            "mcp.server/tool",
            "größe",
            "a b",
            &"x".repeat(70),
            "Search",
            "f-1",
        ])
        .to_owned()
    }

    fn id(&mut self) -> String {
        let number = self.random.u16(..);
        self.one(&[
            format!("call_{number}"),
            format!("toolu|{number}"),
            format!("{number}{}", "y".repeat(80)),
        ])
    }

    fn schema(&mut self) -> Value {
        self.one(&[
            json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
            json!({"type": "object"}),
            json!({"type": "object", "properties": {}, "additionalProperties": false}),
        ])
    }

    fn input(&mut self) -> Value {
        self.one(&[json!({"city": "Paris"}), json!({}), json!({"n": 1.0, "deep": {"a": [1, null]}})])
    }

    fn cached(&mut self, mut part: Value) -> Value {
        if self.chance(15) {
            let control = self.one(&[
                json!({"type": "ephemeral"}),
                json!({"type": "ephemeral", "ttl": "1h"}),
                json!({"type": "ephemeral", "ttl": "5m"}),
            ]);
            part["cache_control"] = control;
        }
        part
    }

    /// Adds members, each with a chance.
    fn settings(&mut self, body: &mut Value, percent: u8, settings: &[(&str, Vec<Value>)]) {
        for (name, values) in settings {
            if self.chance(percent) {
                body[*name] = self.one(values);
            }
        }
    }

    pub(super) fn chat(&mut self) -> Value {
        let turns: Vec<Value> = (0..self.random.usize(1..8)).flat_map(|_| self.chat_turn()).collect();
        let mut body = json!({"model": "m", "messages": turns});
        if self.chance(50) {
            let tools: Vec<Value> = (0..self.random.usize(1..4)).map(|_| self.chat_tool()).collect();
            let name = tools[0]["function"]["name"].clone();
            body["tools"] = json!(tools);
            let choice = json!({"type": "function", "function": {"name": name}});
            self.settings(
                &mut body,
                40,
                &[
                    ("tool_choice", vec![json!("auto"), json!("required"), json!("none"), choice]),
                    ("parallel_tool_calls", vec![json!(true), json!(false)]),
                ],
            );
        }
        let schema = self.schema();
        self.settings(&mut body, 20, &[
            ("max_tokens", vec![json!(1), json!(15), json!(100), json!(5_000), json!(10_000_000)]),
            ("max_completion_tokens", vec![json!(1), json!(4_096)]),
            ("temperature", vec![json!(0), json!(0.7), json!(1), json!(2), json!(-1)]),
            ("top_p", vec![json!(0), json!(0.1), json!(1.0), json!(7)]),
            ("top_k", vec![json!(-1), json!(0), json!(5), json!(100_000)]),
            ("stop", vec![json!("END"), json!(["a", "b", "c", "d", "e", "f"]), json!([""]), json!("\n")]),
            ("reasoning_effort", ["none", "minimal", "low", "medium", "high", "xhigh"].map(Value::from).to_vec()),
            ("response_format", vec![
                json!({"type": "json_object"}),
                json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": true}}),
            ]),
            ("user", vec![json!("u-1"), json!("ünï"), json!("")]),
            ("metadata", vec![json!({"a": "b"}), json!({"": "x"}), json!({"k": "v".repeat(300)})]),
            ("service_tier", vec![json!("auto"), json!("default"), json!("flex"), json!("priority"), json!("odd")]),
            ("seed", vec![json!(7)]),
        ]);
        body
    }

    fn chat_tool(&mut self) -> Value {
        let (name, schema) = (self.name(), self.schema());
        let mut function = json!({"name": name, "parameters": schema});
        self.settings(
            &mut function,
            40,
            &[
                ("description", vec![json!("Does it."), json!("")]),
                ("strict", vec![json!(true), json!(false)]),
            ],
        );
        self.cached(json!({"type": "function", "function": function}))
    }

    fn chat_turn(&mut self) -> Vec<Value> {
        match self.random.u8(..10) {
            0 => vec![json!({"role": self.one(&["system", "developer"]), "content": self.text()})],
            1..=4 => vec![json!({"role": "user", "content": self.chat_content()})],
            5..=6 => vec![json!({"role": "assistant", "content": self.text()})],
            7 => {
                let mut turn = json!({"role": "assistant", "content": self.text()});
                let signed = json!([{"type": "reasoning.text", "text": "Hm.", "signature": "c2ln"}]);
                let hidden = json!([{"type": "reasoning.encrypted", "data": "ZW5j"}]);
                self.settings(
                    &mut turn,
                    60,
                    &[("reasoning_content", vec![json!("Hm.")]), ("reasoning_details", vec![signed, hidden])],
                );
                vec![turn]
            }
            _ => self.chat_calls(),
        }
    }

    fn chat_calls(&mut self) -> Vec<Value> {
        let calls: Vec<Value> = (0..self.random.usize(1..3))
            .map(|_| {
                let proper = self.random_arguments();
                let arguments = self.one(&[proper, "not json".to_owned(), String::new()]);
                json!({"id": self.id(), "type": "function", "function": {"name": self.name(), "arguments": arguments}})
            })
            .collect();
        let mut turns = vec![json!({"role": "assistant", "content": null, "tool_calls": calls})];
        for call in &calls {
            if self.chance(90) {
                turns.push(json!({"role": "tool", "tool_call_id": call["id"], "content": self.text()}));
            }
        }
        if self.chance(5) {
            turns.push(json!({"role": "tool", "tool_call_id": self.id(), "content": "an orphan"}));
        }
        turns
    }

    fn random_arguments(&mut self) -> String {
        self.input().to_string()
    }

    fn chat_content(&mut self) -> Value {
        if self.chance(60) {
            return json!(self.text());
        }
        let image =
            json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}});
        let name = self.one(&["report.pdf", "Q3 — report?.pdf", "報告.pdf", "report.pdf"]);
        let file = json!({"type": "file", "file": {"filename": name, "file_data": "data:application/pdf;base64,JVBERi0xLjQ="}});
        let parts: Vec<Value> = (0..self.random.usize(1..4))
            .map(|_| {
                let text = json!({"type": "text", "text": self.text()});
                let part = self.one(&[text, image.clone(), file.clone()]);
                self.cached(part)
            })
            .collect();
        json!(parts)
    }

    pub(super) fn responses(&mut self) -> Value {
        let input = if self.chance(20) {
            json!(self.text())
        } else {
            json!((0..self.random.usize(1..8)).flat_map(|_| self.items()).collect::<Vec<Value>>())
        };
        let mut body = json!({"model": "m", "input": input});
        if self.chance(50) {
            let tools: Vec<Value> = (0..self.random.usize(1..4)).map(|_| self.responses_tool()).collect();
            body["tools"] = json!(tools);
            self.settings(
                &mut body,
                40,
                &[("tool_choice", vec![json!("auto"), json!("required"), json!("none")])],
            );
        }
        let schema = self.schema();
        self.settings(
            &mut body,
            20,
            &[
                ("instructions", vec![json!("Be brief."), json!("")]),
                ("max_output_tokens", vec![json!(1), json!(16), json!(1_000), json!(10_000_000)]),
                ("temperature", vec![json!(0.5), json!(2)]),
                ("top_p", vec![json!(0.5)]),
                (
                    "reasoning",
                    vec![
                        json!({"effort": "high"}),
                        json!({"effort": "none"}),
                        json!({"effort": "low", "summary": "auto"}),
                    ],
                ),
                (
                    "text",
                    vec![
                        json!({"format": {"type": "json_schema", "name": "a", "schema": schema}}),
                        json!({"verbosity": "low"}),
                    ],
                ),
                ("store", vec![json!(false)]),
                ("service_tier", vec![json!("flex"), json!("auto")]),
            ],
        );
        body
    }

    fn responses_tool(&mut self) -> Value {
        let (name, schema) = (self.name(), self.schema());
        let function =
            json!({"type": "function", "name": name, "parameters": schema, "strict": self.chance(50)});
        let custom = json!({"type": "custom", "name": name, "description": "Takes text."});
        let namespace =
            json!({"type": "namespace", "name": "crm", "description": "d", "tools": [function.clone()]});
        self.one(&[function.clone(), function, custom, namespace, json!({"type": "web_search"})])
    }

    fn items(&mut self) -> Vec<Value> {
        match self.random.u8(..8) {
            0 => vec![json!({"role": self.one(&["system", "developer"]), "content": self.text()})],
            1..=3 => vec![json!({"role": "user", "content": [{"type": "input_text", "text": self.text()}]})],
            4 => vec![
                json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": self.text()}]}),
            ],
            5 => vec![
                json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}),
            ],
            6 => vec![
                json!({"role": "user", "content": [{"type": "input_image", "image_url": format!("data:image/png;base64,{PNG}")}]}),
            ],
            _ => {
                let id = self.id();
                let name = self.name();
                let call = json!({"type": "function_call", "call_id": id, "name": name, "arguments": self.random_arguments()});
                let output = json!({"type": "function_call_output", "call_id": id, "output": self.text()});
                if self.chance(90) { vec![call, output] } else { vec![self.one(&[call, output])] }
            }
        }
    }

    pub(super) fn messages(&mut self) -> Value {
        let turns: Vec<Value> = (0..self.random.usize(1..8)).map(|_| self.messages_turn()).collect();
        let limit = self.one(&[1_u64, 15, 1_000, 64_000, 10_000_000]);
        let mut body = json!({"model": "m", "max_tokens": limit, "messages": turns});
        let system = json!({"type": "text", "text": self.text()});
        let system = json!([self.cached(system)]);
        if self.chance(50) {
            let tools: Vec<Value> = (0..self.random.usize(1..4))
                .map(|_| {
                    let tool = json!({"name": self.name(), "input_schema": self.schema()});
                    self.cached(tool)
                })
                .collect();
            let name = tools[0]["name"].clone();
            body["tools"] = json!(tools);
            self.settings(
                &mut body,
                40,
                &[(
                    "tool_choice",
                    vec![
                        json!({"type": "auto", "disable_parallel_tool_use": true}),
                        json!({"type": "any"}),
                        json!({"type": "none"}),
                        json!({"type": "tool", "name": name}),
                    ],
                )],
            );
        }
        self.settings(
            &mut body,
            25,
            &[
                ("system", vec![json!("Be kind."), system]),
                ("temperature", vec![json!(0), json!(1)]),
                ("top_p", vec![json!(0.1), json!(0.99)]),
                ("top_k", vec![json!(5)]),
                ("stop_sequences", vec![json!(["END"]), json!(["a", "b", "c", "d", "e"]), json!([""])]),
                (
                    "thinking",
                    vec![
                        json!({"type": "enabled", "budget_tokens": 1024}),
                        json!({"type": "enabled", "budget_tokens": 60_000}),
                        json!({"type": "adaptive"}),
                        json!({"type": "disabled"}),
                    ],
                ),
                ("output_config", vec![json!({"effort": "low"}), json!({"effort": "max"})]),
                ("metadata", vec![json!({"user_id": "u"})]),
                ("cache_control", vec![json!({"type": "ephemeral"})]),
            ],
        );
        body
    }

    fn messages_turn(&mut self) -> Value {
        let role = self.one(&["user", "user", "assistant"]);
        if self.chance(40) {
            return json!({"role": role, "content": self.text()});
        }
        let blocks: Vec<Value> = (0..self.random.usize(1..4))
            .map(|_| {
                let block = if role == "user" { self.user_block() } else { self.assistant_block() };
                self.cached(block)
            })
            .collect();
        json!({"role": role, "content": blocks})
    }

    fn user_block(&mut self) -> Value {
        let text = json!({"type": "text", "text": self.text()});
        let image =
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}});
        let document = json!({"type": "document", "title": self.one(&["a", "Ä?"]), "source":
            {"type": "text", "media_type": "text/plain", "data": "words"}});
        let id = if self.chance(90) { self.calls.pop() } else { None };
        let failed = self.chance(20);
        let result = json!({"type": "tool_result", "tool_use_id": id.unwrap_or_else(|| "toolu_x".to_owned()),
            "content": [{"type": "text", "text": self.text()}], "is_error": failed});
        self.one(&[text.clone(), text, image, document, result])
    }

    fn assistant_block(&mut self) -> Value {
        let text = json!({"type": "text", "text": self.text()});
        let thinking = json!({"type": "thinking", "thinking": "Hm.", "signature": "c2ln"});
        let redacted = json!({"type": "redacted_thinking", "data": "ZW5j"});
        let id = self.id();
        let call = json!({"type": "tool_use", "id": id, "name": self.name(), "input": self.input()});
        let block = self.one(&[text.clone(), text, thinking, redacted, call.clone(), call]);
        if block["type"] == "tool_use" {
            self.calls.push(id);
        }
        block
    }

    /// As Bedrock's own clients write it.
    pub(super) fn converse(&mut self) -> Value {
        let turns: Vec<Value> = (0..self.random.usize(1..8)).map(|_| self.converse_turn()).collect();
        let mut body = json!({"messages": turns});
        if self.chance(50) {
            body["toolConfig"] = self.tool_config();
        }
        let schema = self.schema().to_string();
        let form = |name: Value| json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema, "name": name}}}});
        let (named, odd) = (form(json!("city")), form(json!("a city / größe")));
        let texts = json!([{"text": "Be kind."}, {"text": self.text()}, {"cachePoint": {"type": "default"}}]);
        self.settings(
            &mut body,
            25,
            &[
                (
                    "system",
                    vec![
                        json!([{"text": "Be kind."}]),
                        texts,
                        json!([{"guardContent": {"text": {"text": "Hm."}}}]),
                    ],
                ),
                (
                    "inferenceConfig",
                    vec![
                        json!({"maxTokens": 100, "temperature": 0.5}),
                        json!({"maxTokens": 1, "topP": 0.9, "temperature": 1}),
                        json!({"stopSequences": ["a", "b", "c", "d", "e", "f"]}),
                    ],
                ),
                ("outputConfig", vec![named, odd, json!({"effort": "max"}), json!({"effort": "low"})]),
                (
                    "serviceTier",
                    ["default", "priority", "flex", "reserved"].map(|tier| json!({"type": tier})).to_vec(),
                ),
                ("performanceConfig", vec![json!({"latency": "standard"}), json!({"latency": "optimized"})]),
                ("requestMetadata", vec![json!({"user_id": "u", "team": "a"})]),
                ("additionalModelResponseFieldPaths", vec![json!(["/stop_sequence"])]),
            ],
        );
        body
    }

    fn tool_config(&mut self) -> Value {
        let mut tools: Vec<Value> = (0..self.random.usize(1..4))
            .map(|_| {
                let (name, schema) = (self.legal_name(), self.schema());
                json!({"toolSpec": {"name": name, "inputSchema": {"json": schema}}})
            })
            .collect();
        let name = tools[0]["toolSpec"]["name"].clone();
        if self.chance(20) {
            tools.push(json!({"cachePoint": {"type": "default"}}));
        }
        let mut config = json!({"tools": tools});
        let choices = vec![json!({"auto": {}}), json!({"any": {}}), json!({"tool": {"name": name}})];
        self.settings(&mut config, 40, &[("toolChoice", choices)]);
        config
    }

    /// Converse itself is strict about names.
    fn legal_name(&mut self) -> String {
        self.one(&["get_weather", "search", "Search", "f-1"]).to_owned()
    }

    fn converse_turn(&mut self) -> Value {
        let role = self.one(&["user", "user", "user", "assistant", "assistant", "system"]);
        let blocks: Vec<Value> = (0..self.random.usize(1..4))
            .map(|_| match role {
                "assistant" => self.said_to_converse(),
                "system" => json!({"text": self.text()}),
                _ => self.asked_of_converse(),
            })
            .collect();
        json!({"role": role, "content": blocks})
    }

    fn asked_of_converse(&mut self) -> Value {
        let text = json!({"text": self.text()});
        let image = json!({"image": {"format": "png", "source": {"bytes": PNG}}});
        let audio =
            json!({"audio": {"format": self.one(&["wav", "mp3", "ogg"]), "source": {"bytes": "AAAA"}}});
        let name = self.one(&["report", "Q3 (final)"]);
        let file = json!({"document": {"format": "pdf", "name": name, "source": {"bytes": "JVBERi0xLjQ="}}});
        let words = json!({"document": {"format": "md", "name": name, "source": {"bytes": "IyBIaQ=="}, "context": "c",
            "citations": {"enabled": true}}});
        let found = json!({"searchResult": {"source": "https://a", "title": "t", "content": [{"text": "words"}],
            "citations": {"enabled": true}}});
        let id = if self.chance(90) { self.calls.pop() } else { None };
        let results =
            [json!({"text": self.text()}), json!({"json": {"n": 1.50}}), image.clone(), words.clone()];
        let content: Vec<Value> = (0..self.random.usize(0..3)).map(|_| self.one(&results)).collect();
        let status = self.one(&["success", "error"]);
        let result = json!({"toolResult": {"toolUseId": id.unwrap_or_else(|| "x".to_owned()), "content": content,
            "status": status}});
        let point = json!({"cachePoint": {"type": "default", "ttl": self.one(&["5m", "1h"])}});
        let guarded = json!({"guardContent": {"text": {"text": "Hm."}}});
        self.one(&[
            text.clone(),
            text,
            image,
            audio,
            file,
            words,
            found,
            result.clone(),
            result,
            point,
            guarded,
        ])
    }

    fn said_to_converse(&mut self) -> Value {
        let text = json!({"text": self.text()});
        let signed = json!({"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}});
        let bare = json!({"reasoningContent": {"reasoningText": {"text": "Hm."}}});
        let hidden = json!({"reasoningContent": {"redactedContent": "ZW5j"}});
        let location = json!({"documentChar": {"documentIndex": 0, "start": 1, "end": 3}});
        let cited = json!({"citationsContent": {"content": [{"text": "so"}], "citations": [{"title": "t",
            "sourceContent": [{"text": "so"}], "location": location}]}});
        let number = self.random.u16(..);
        let id = self.one(&[format!("call_{number}"), format!("tooluse:a.{number}")]);
        let call = json!({"toolUse": {"toolUseId": id, "name": self.legal_name(), "input": self.input()}});
        let point = json!({"cachePoint": {"type": "default"}});
        let block = self.one(&[text.clone(), text, signed, bare, hidden, cited, call.clone(), call, point]);
        if let Some(call) = block.get("toolUse") {
            self.calls.push(call["toolUseId"].as_str().unwrap().to_owned());
        }
        block
    }
}
