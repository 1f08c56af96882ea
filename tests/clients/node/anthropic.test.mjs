// @anthropic-ai/sdk against `/v1/messages` and @anthropic-ai/bedrock-sdk against InvokeModel, with application
// profile ARNs as the model, and with models that live on bedrock-mantle only.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";
import Anthropic from "@anthropic-ai/sdk";
import * as m from "./material.mjs";
import { testsOf } from "./ran.mjs";

const MAX_TOKENS = 4000;
const CLIENTS = {
  "@anthropic-ai/sdk": new Anthropic({ baseURL: m.url, apiKey: "local", maxRetries: 0 }),
  "@anthropic-ai/bedrock-sdk": new AnthropicBedrock({
    baseURL: m.url,
    awsRegion: m.region,
    awsAccessKey: "local",
    awsSecretKey: "local",
    maxRetries: 0,
  }),
};
const TOOLS = [{ name: m.TOOL, description: m.DESCRIPTION, input_schema: m.SCHEMA }];

const WAYS = { "@anthropic-ai/sdk": "Messages", "@anthropic-ai/bedrock-sdk": "InvokeModel" };
const CASES = Object.entries(CLIENTS).flatMap(([name, client]) => m.models.map((model) => [name, client, model]));

for (const [name, client, model] of CASES) {
  const test = testsOf(name, WAYS[name], model);
  const invokes = WAYS[name] === "InvokeModel";
  // The second package has a Claude's body alone.
  const skip = invokes && m.notItsBody(model);
  const create = (content, more = {}, options = {}) => {
    const messages = [{ role: "user", content }];
    return client.messages.create({ model: model.identifier, max_tokens: MAX_TOKENS, messages, ...more }, options);
  };

  describe(`${name}: ${model.identifier}`, () => {
    test("chat", "a chat answers with usage", { skip }, async () => {
      const answer = await create(m.repeat(m.PHRASE));
      assert.equal(answer.content.at(-1).text, m.PHRASE);
      assert.equal(answer.stop_reason, "end_turn");
      assert.ok(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0);
    });

    test("stream", "a stream is the same answer in pieces", { skip }, async () => {
      const events = await m.all(await create(m.repeat(m.LONG_PHRASE), { stream: true }));
      const pieces = events.flatMap((event) => (event.delta?.type === "text_delta" ? event.delta.text : []));
      assert.equal(pieces.join(""), m.LONG_PHRASE);
      assert.ok(pieces.length > 1);
      assert.equal(events.at(-1).type, "message_stop");
    });

    test("tools", "a tool round trip, streamed", { skip }, async () => {
      const question = { role: "user", content: m.ASK_FOR_TOOL };
      const asked = { model: model.identifier, max_tokens: MAX_TOKENS, messages: [question], tools: TOOLS };
      const call = await client.messages.stream(asked).finalMessage();
      assert.equal(call.stop_reason, "tool_use");
      const use = call.content.find((block) => block.type === "tool_use");
      m.assertFits(use.input);
      const result = { type: "tool_result", tool_use_id: use.id, content: m.TOOL_RESULT };
      const messages = [question, { role: "assistant", content: call.content }, { role: "user", content: [result] }];
      const answer = await client.messages.stream({ ...asked, messages }).finalMessage();
      assert.ok(answer.content.at(-1).text.includes(m.TOOL_RESULT));
    });

    test("thinking", "thinking goes back with a tool's result", { skip: skip || !model.thinking }, async () => {
      const thinking = model.thinking?.thinking ?? m.BUDGET;
      const question = { role: "user", content: m.ASK_FOR_TOOL };
      const call = await create(m.ASK_FOR_TOOL, { tools: TOOLS, thinking });
      const [thought, use] = ["thinking", "tool_use"].map((type) => call.content.find((block) => block.type === type));
      assert.equal(Boolean(thought.signature), m.signs(model));
      assert.ok(thought.thinking);
      m.assertFits(use.input);
      const result = { type: "tool_result", tool_use_id: use.id, content: m.TOOL_RESULT };
      const messages = [question, { role: "assistant", content: call.content }, { role: "user", content: [result] }];
      const answer = await create("", { messages, tools: TOOLS, thinking });
      assert.ok(answer.content.at(-1).text.includes(m.TOOL_RESULT));
    });

    test("images", "an image is seen", { skip: skip || !model.sees }, async () => {
      const source = { type: "base64", media_type: "image/png", data: m.png().toString("base64") };
      const answer = await create([{ type: "text", text: m.ASK_FOR_IMAGE }, { type: "image", source }]);
      m.assertDescribes(answer.content.at(-1).text, m.png());
    });

    const formless = skip || (invokes && m.hasNoForm(model));
    test("structured output", "an answer has the form that was asked for", { skip: formless }, async () => {
      const output_config = { format: { type: "json_schema", schema: m.SCHEMA } };
      const answer = await create("How is the weather?", { output_config });
      m.assertFits(JSON.parse(answer.content.at(-1).text));
    });

    for (const fault of m.brokenStreams(model)) {
      test("cut stream", `a stream that ends in ${fault} is an error`, { skip }, async () => {
        const options = { headers: { "x-outcrop-fault": fault } };
        const read = async () => m.all(await create(m.repeat(m.LONG_PHRASE), { stream: true }, options));
        await assert.rejects(read);
      });
    }

    test("error", "a refusal is the package's own error class", { skip }, async () => {
      const options = { headers: { "x-outcrop-fault": "AccessDeniedException" } };
      await assert.rejects(create("Hello!", {}, options), Anthropic.PermissionDeniedError);
    });
  });
}

for (const [name, client] of Object.entries(CLIENTS)) {
  test(`${name}: an unknown profile is an error that says so`, async () => {
    const messages = [{ role: "user", content: "Hello!" }];
    const asked = client.messages.create({ model: m.sibling(m.claude), max_tokens: MAX_TOKENS, messages });
    await assert.rejects(asked, /identifier is invalid/);
  });
}
