// @anthropic-ai/sdk against `/v1/messages` and @anthropic-ai/bedrock-sdk against InvokeModel, with an application
// profile ARN as the model.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";
import Anthropic from "@anthropic-ai/sdk";
import * as m from "./material.mjs";

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

for (const [name, client] of Object.entries(CLIENTS)) {
  const create = (content, more = {}) =>
    client.messages.create({ model: m.claude, max_tokens: MAX_TOKENS, messages: [{ role: "user", content }], ...more });

  describe(`${name}: Claude through its application profile`, () => {
    test("a chat answers with usage", async () => {
      const answer = await create(m.repeat(m.PHRASE));
      assert.equal(answer.content[0].text, m.PHRASE);
      assert.equal(answer.stop_reason, "end_turn");
      assert.ok(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0);
    });

    test("a stream is the same answer in pieces", async () => {
      const events = await m.all(await create(m.repeat(m.LONG_PHRASE), { stream: true }));
      const pieces = events.flatMap((event) => (event.delta?.type === "text_delta" ? event.delta.text : []));
      assert.equal(pieces.join(""), m.LONG_PHRASE);
      assert.ok(pieces.length > 1);
      assert.equal(events.at(-1).type, "message_stop");
    });

    test("thinking with its signature goes back with a tool's result", async () => {
      const question = { role: "user", content: m.ASK_FOR_TOOL };
      const call = await create(m.ASK_FOR_TOOL, { tools: TOOLS, thinking: m.thinking });
      const [thought, use] = ["thinking", "tool_use"].map((type) => call.content.find((block) => block.type === type));
      assert.ok(thought.signature && thought.thinking);
      m.assertFits(use.input);
      const result = { type: "tool_result", tool_use_id: use.id, content: m.TOOL_RESULT };
      const messages = [question, { role: "assistant", content: call.content }, { role: "user", content: [result] }];
      const answer = await create("", { messages, tools: TOOLS, thinking: m.thinking });
      assert.ok(answer.content.at(-1).text.includes(m.TOOL_RESULT));
    });

    test("an image is seen", async () => {
      const source = { type: "base64", media_type: "image/png", data: m.png().toString("base64") };
      const answer = await create([{ type: "text", text: m.ASK_FOR_IMAGE }, { type: "image", source }]);
      m.assertDescribes(answer.content[0].text, m.png());
    });

    test("an answer has the form that was asked for", async () => {
      const output_config = { format: { type: "json_schema", schema: m.SCHEMA } };
      const answer = await create("How is the weather?", { output_config });
      m.assertFits(JSON.parse(answer.content[0].text));
    });

    for (const fault of m.BROKEN_STREAMS) {
      test(`a stream that ends in ${fault} is an error`, async () => {
        const options = { headers: { "x-outcrop-fault": fault } };
        const read = async () =>
          m.all(
            await client.messages.create(
              {
                model: m.claude,
                max_tokens: MAX_TOKENS,
                messages: [{ role: "user", content: m.repeat(m.LONG_PHRASE) }],
                stream: true,
              },
              options,
            ),
          );
        await assert.rejects(read);
      });
    }

    test("an unknown profile is an error that says so", async () => {
      await assert.rejects(create("Hello!", { model: m.sibling(m.claude) }), /identifier is invalid/);
    });
  });
}
