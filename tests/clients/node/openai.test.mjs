// The openai package against `/v1`, with application profile ARNs as the model, and with models that live on
// bedrock-mantle only.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import OpenAI from "openai";
import * as m from "./material.mjs";
import { testsOf } from "./ran.mjs";

const client = new OpenAI({ baseURL: `${m.url}/v1`, apiKey: "any", maxRetries: 0, timeout: 60_000 });
const TOOLS = [{ type: "function", function: { name: m.TOOL, description: m.DESCRIPTION, parameters: m.SCHEMA } }];

const complete = (model, content, parameters = {}, options = {}) =>
  client.chat.completions.create({ model, messages: [{ role: "user", content }], ...parameters }, options);
const deltasOf = (chunks) => chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta));

for (const model of m.models) {
  const arn = model.identifier;
  const test = testsOf("openai (Node)", "Chat Completions", model);
  describe(`Chat Completions: ${arn}`, () => {
    test("chat", "a chat answers with usage", async () => {
      const answer = await complete(arn, m.repeat(m.PHRASE));
      assert.equal(answer.choices[0].message.content, m.PHRASE);
      assert.equal(answer.choices[0].finish_reason, "stop");
      assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    });

    test("chat", "a system prompt reaches the model", async () => {
      const user = { role: "user", content: m.repeat(m.PHRASE) };
      const system = { role: "system", content: "You are a parrot." };
      const [without, answer] = await Promise.all(
        [[user], [system, user]].map((messages) => client.chat.completions.create({ model: arn, messages })),
      );
      assert.equal(answer.choices[0].message.content, m.PHRASE);
      assert.ok(answer.usage.prompt_tokens > without.usage.prompt_tokens);
    });

    test("stream", "a stream is the same answer in pieces, with usage at its end", async () => {
      const parameters = { stream: true, stream_options: { include_usage: true } };
      const chunks = await m.all(await complete(arn, m.repeat(m.LONG_PHRASE), parameters));
      const pieces = deltasOf(chunks).flatMap((delta) => delta.content || []);
      assert.ok(pieces.length > 1);
      assert.equal(pieces.join(""), m.LONG_PHRASE);
      assert.ok(chunks.at(-1).usage.completion_tokens > 0);
    });

    test("tools", "a tool round trip", async () => {
      const messages = [{ role: "user", content: m.ASK_FOR_TOOL }];
      const asked = (await client.chat.completions.create({ model: arn, messages, tools: TOOLS })).choices[0];
      assert.equal(asked.finish_reason, "tool_calls");
      assert.equal(asked.message.tool_calls.length, 1);
      const [call] = asked.message.tool_calls;
      assert.equal(call.function.name, m.TOOL);
      m.assertFits(JSON.parse(call.function.arguments));
      messages.push(asked.message, { role: "tool", tool_call_id: call.id, content: m.TOOL_RESULT });
      const answer = (await client.chat.completions.create({ model: arn, messages, tools: TOOLS })).choices[0];
      assert.ok(answer.message.content.includes(m.TOOL_RESULT));
    });

    test("tools", "the package's own stream helper assembles a tool call", async () => {
      const messages = [{ role: "user", content: m.ASK_FOR_TOOL }];
      const stream = client.chat.completions.stream({ model: arn, messages, tools: TOOLS });
      const { choices } = await stream.finalChatCompletion();
      assert.equal(choices[0].finish_reason, "tool_calls");
      m.assertFits(JSON.parse(choices[0].message.tool_calls[0].function.arguments));
    });

    test("images", "an image reaches the model", { skip: !model.sees }, async () => {
      const image = { url: `data:image/png;base64,${m.png().toString("base64")}` };
      const content = [{ type: "image_url", image_url: image }, { type: "text", text: m.ASK_FOR_IMAGE }];
      m.assertDescribes((await complete(arn, content)).choices[0].message.content, m.png());
    });

    test("chat", "a stop sequence and a token limit end the answer", async () => {
      const stopped = (await complete(arn, "count to 9", { stop: ["6"] })).choices[0];
      assert.ok(stopped.message.content.includes("5") && !stopped.message.content.includes("6"));
      assert.equal(stopped.finish_reason, "stop");
      const limited = (await complete(arn, "count to 400", { max_tokens: 20 })).choices[0];
      assert.equal(limited.finish_reason, "length");
    });

    test("structured output", "an answer has the form that was asked for", async () => {
      const form = { type: "json_schema", json_schema: { name: "weather", schema: m.SCHEMA, strict: true } };
      const answer = await complete(arn, "How is the weather?", { response_format: form });
      m.assertFits(JSON.parse(answer.choices[0].message.content));
    });

    for (const fault of m.brokenStreams(model)) {
      test("cut stream", `a stream with ${fault} is an error`, async () => {
        const options = { headers: { "x-outcrop-fault": fault } };
        const read = async () => m.all(await complete(arn, m.repeat(m.LONG_PHRASE), { stream: true }, options));
        await assert.rejects(read, OpenAI.APIError);
      });
    }

    test("error", "a refusal is the package's own error class", async () => {
      const options = { headers: { "x-outcrop-fault": "AccessDeniedException" } };
      await assert.rejects(complete(arn, "hello", {}, options), OpenAI.PermissionDeniedError);
    });

    test("thinking", "reasoning arrives beside the answer", { skip: !model.thinking }, async (remark) => {
      const parameters = { reasoning_effort: "low", max_completion_tokens: 4096 };
      const { message } = (await complete(arn, m.repeat(m.PHRASE), parameters)).choices[0];
      if (m.tagsItsThoughts(model)) {
        assert.ok(message.content.startsWith("<reasoning>"), message.content);
        remark(m.TAGGED);
      } else {
        assert.equal(message.content, m.PHRASE);
        assert.ok(message.reasoning_content);
      }
    });
  });
}

for (const model of m.models) {
  const test = testsOf("openai (Node)", "Responses", model);
  const respond = (input, parameters = {}, options = {}) =>
    client.responses.create({ model: model.identifier, input, ...parameters }, options);

  describe(`Responses: ${model.identifier}`, () => {
    test("chat", "a response answers with usage", async () => {
      const answer = await respond(m.repeat(m.PHRASE), { instructions: "Be brief." });
      assert.equal(answer.output_text, m.PHRASE);
      assert.equal(answer.status, "completed");
      assert.equal(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens);
    });

    test("stream", "a stream is the same answer in pieces", async () => {
      const events = await m.all(await respond(m.repeat(m.LONG_PHRASE), { stream: true }));
      const pieces = events.flatMap((event) => (event.type === "response.output_text.delta" ? event.delta : []));
      assert.equal(pieces.join(""), m.LONG_PHRASE);
      assert.ok(pieces.length > 1);
      assert.equal(events.at(-1).type, "response.completed");
      assert.ok(events.at(-1).response.usage.output_tokens > 0);
    });

    test("tools", "a response continues, streamed, after a tool's result", async () => {
      const tools = [{ type: "function", name: m.TOOL, parameters: m.SCHEMA, strict: false }];
      const asked = await respond(m.ASK_FOR_TOOL, { tools });
      const call = asked.output.find((item) => item.type === "function_call");
      m.assertFits(JSON.parse(call.arguments));
      const input = [{ type: "function_call_output", call_id: call.call_id, output: m.TOOL_RESULT }];
      const request = { model: model.identifier, input, tools, previous_response_id: asked.id };
      assert.ok((await client.responses.stream(request).finalResponse()).output_text.includes(m.TOOL_RESULT));
    });

    test("images", "an image reaches the model", { skip: !model.sees }, async () => {
      const image_url = `data:image/png;base64,${m.png().toString("base64")}`;
      const image = { type: "input_image", image_url, detail: "auto" };
      const content = [{ type: "input_text", text: m.ASK_FOR_IMAGE }, image];
      m.assertDescribes((await respond([{ role: "user", content }])).output_text, m.png());
    });

    test("thinking", "reasoning comes before a call, and goes back with its result", { skip: !model.thinking }, async () => {
      const tools = [{ type: "function", name: m.TOOL, parameters: m.SCHEMA, strict: false }];
      // Nothing is kept: what the client gives back is all there is.
      const include = ["reasoning.encrypted_content"];
      const parameters = { tools, include, store: false, reasoning: { effort: "low", summary: "auto" } };
      const asked = await respond(m.ASK_FOR_TOOL, parameters);
      const [thought] = asked.output;
      assert.equal(thought.type, "reasoning");
      assert.ok(thought.encrypted_content || !model.model.startsWith("anthropic."));
      const call = asked.output.find((item) => item.type === "function_call");
      const result = { type: "function_call_output", call_id: call.call_id, output: m.TOOL_RESULT };
      const input = [{ role: "user", content: m.ASK_FOR_TOOL }, ...asked.output, result];
      assert.ok((await respond(input, parameters)).output_text.includes(m.TOOL_RESULT));
    });

    test("structured output", "an answer has the form that was asked for", async () => {
      const format = { type: "json_schema", name: "weather", schema: m.SCHEMA, strict: true };
      m.assertFits(JSON.parse((await respond("How is the weather?", { text: { format } })).output_text));
    });

    for (const fault of m.brokenStreams(model)) {
      test("cut stream", `a stream with ${fault} is an error`, async () => {
        const options = { headers: { "x-outcrop-fault": fault } };
        const kinds = [];
        const read = async () => {
          const events = await respond(m.repeat(m.LONG_PHRASE), { stream: true }, options);
          for await (const event of events) kinds.push(event.type);
        };
        // It raises what the gateway says of a cut; an `error` that an endpoint wrote itself it hands out as an event.
        const raised = await read().then(() => false, (error) => error instanceof OpenAI.APIError);
        assert.ok(raised || (kinds.at(-1) === "error" && !fault.startsWith("cut")), kinds.at(-1));
        assert.ok(!kinds.includes("response.completed"));
      });
    }

    test("error", "a refusal is the package's own error class", async () => {
      const options = { headers: { "x-outcrop-fault": "AccessDeniedException" } };
      await assert.rejects(respond("hello", {}, options), OpenAI.PermissionDeniedError);
    });
  });
}

for (const identifier of ["no-such-model", m.sibling(m.claude), "arn:aws:bedrock"]) {
  test(`${identifier} is refused with a message`, async () => {
    for (const stream of [false, true]) {
      await assert.rejects(complete(identifier, "hello", { stream }), (error) => {
        assert.ok(error instanceof OpenAI.NotFoundError || error instanceof OpenAI.BadRequestError, error);
        assert.ok(error.error.message && error.type);
        return true;
      });
    }
  });
}

test("throttling is the package's own error class", async () => {
  const options = { headers: { "x-outcrop-fault": "ThrottlingException" } };
  await assert.rejects(complete(m.claude, "hello", {}, options), OpenAI.RateLimitError);
});
