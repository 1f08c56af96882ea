// openai, @anthropic-ai/sdk and the AI SDK with answers that begin with a sign of life, because the first event is late;
// see ../late.py.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { streamText } from "ai";
import OpenAI from "openai";
import * as m from "./material.mjs";

const url = process.env.OUTCROP_LATE_URL;
const there = { baseURL: `${url}/v1`, apiKey: "any" };
const openai = new OpenAI({ ...there, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: url, apiKey: "any", maxRetries: 0 });
const user = (content) => [{ role: "user", content }];

async function chat(model, prompt) {
  const chunks = await m.all(await openai.chat.completions.create({ model, messages: user(prompt), stream: true }));
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
  return chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
}

const responses = async (model, input) => (await openai.responses.stream({ model, input }).finalResponse()).output_text;

async function events(model, prompt) {
  const parameters = { model, max_tokens: 4000, messages: user(prompt), stream: true };
  const all = await m.all(await anthropic.messages.create(parameters));
  assert.equal(all.at(-1).type, "message_stop");
  return all.map((event) => (event.delta?.type === "text_delta" ? event.delta.text : "")).join("");
}

const helper = (model, prompt) =>
  anthropic.messages.stream({ model, max_tokens: 4000, messages: user(prompt) }).finalText();

const by = (provider) => async (model, prompt) => {
  const errors = [];
  const onError = ({ error }) => errors.push(error);
  const answer = streamText({ model: provider(model), prompt, maxRetries: 0, onError });
  const text = (await m.all(answer.textStream)).join("");
  assert.deepEqual(errors, []);
  assert.equal(await answer.finishReason, "stop");
  return text;
};

// Nova's streams are translated; a Claude's are relayed for clients of Messages.
const CASES = {
  "openai-chat": [chat, m.nova],
  "openai-responses": [responses, m.nova],
  "anthropic": [events, m.claude],
  "anthropic-translated": [events, m.nova],
  "anthropic-helper": [helper, m.claude],
  "ai-sdk-openai-chat": [by(createOpenAI(there).chat), m.nova],
  "ai-sdk-openai-responses": [by(createOpenAI(there).responses), m.nova],
  "ai-sdk-openai-compatible": [by(createOpenAICompatible({ name: "outcrop", ...there })), m.nova],
  "ai-sdk-anthropic": [by(createAnthropic(there)), m.claude],
};

// All at once, so that the silence passes but once.
describe("a stream that begins with a sign of life is read whole", { concurrency: true }, () => {
  for (const [way, [ask, model]] of Object.entries(CASES)) {
    test(way, async () => {
      const text = `${m.LONG_PHRASE} late-node-${way}-end`;
      assert.equal(await ask(model, m.repeat(text)), text);
    });
  }
});
