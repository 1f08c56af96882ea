// AnthropicBedrock and the AI SDK's amazon-bedrock straight against `outcrop emulate`, whose signatures are verified.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";
import { embedMany, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import * as m from "./material.mjs";

// AWS's documentation pair, which the emulator takes when its environment has no other.
const KEY = "AKIAIOSFODNN7EXAMPLE";
const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA = "us.amazon.nova-2-lite-v1:0";
const MAX_TOKENS = 4000;

let process_;
let bedrock;
let anthropic;

before(async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const options = { env: { PATH: process.env.PATH, HOME: process.env.HOME }, stdio: ["ignore", "pipe", "inherit"] };
  process_ = spawn(process.env.OUTCROP_BIN, ["emulate", "--listen", `127.0.0.1:${port}`], options);
  // It prints what to export once it listens.
  await once(process_.stdout, "data");
  process_.stdout.resume();
  const keys = { accessKeyId: KEY, secretAccessKey: SECRET };
  bedrock = createAmazonBedrock({ baseURL: url, region: "us-east-1", ...keys });
  anthropic = new AnthropicBedrock({
    baseURL: url,
    awsRegion: "us-east-1",
    awsAccessKey: KEY,
    awsSecretKey: SECRET,
    maxRetries: 0,
  });
});

after(async () => {
  process_.kill("SIGTERM");
  const [status] = await once(process_, "exit");
  assert.equal(status, 0);
});

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const weather = tool({
  description: m.DESCRIPTION,
  inputSchema: z.object({ city: z.string() }),
  execute: async () => m.TOOL_RESULT,
});

for (const model of [CLAUDE, NOVA]) {
  describe(`amazon-bedrock: ${model}`, () => {
    test("a chat and a stream are the same answer", async () => {
      const prompt = m.repeat(m.LONG_PHRASE);
      const whole = await generateText({ model: bedrock(model), prompt, maxRetries: 0 });
      assert.equal(whole.text, m.LONG_PHRASE);
      const streamed = streamText({ model: bedrock(model), prompt, maxRetries: 0 });
      const pieces = await m.all(streamed.textStream);
      assert.equal(pieces.join(""), m.LONG_PHRASE);
      assert.ok((await streamed.usage).outputTokens > 0);
    });

    test("a tool is run and its result taken", async () => {
      const answer = await generateText({
        model: bedrock(model),
        tools: { get_weather: weather },
        stopWhen: stepCountIs(3),
        prompt: "What is the weather in Paris?",
        maxRetries: 0,
      });
      assert.equal(answer.steps.length, 2);
      assert.ok(answer.text.includes(m.TOOL_RESULT));
    });
  });
}

test("amazon-bedrock: reasoning is given and comes back through a tool", async () => {
  const answer = await generateText({
    model: bedrock(CLAUDE),
    tools: { get_weather: weather },
    stopWhen: stepCountIs(3),
    prompt: "What is the weather in Paris?",
    maxRetries: 0,
    maxOutputTokens: MAX_TOKENS,
    providerOptions: { bedrock: { reasoningConfig: { type: "enabled", budgetTokens: 1024 } } },
  });
  assert.ok(answer.steps[0].reasoningText.length > 0);
  assert.ok(answer.text.includes(m.TOOL_RESULT));
});

test("amazon-bedrock: texts are embedded", async () => {
  for (const [model, length] of [
    ["amazon.titan-embed-text-v2:0", 1024],
    ["cohere.embed-english-v3", 1024],
  ]) {
    const { embeddings } = await embedMany({ model: bedrock.embedding(model), values: ["one", "two"], maxRetries: 0 });
    assert.deepEqual(embeddings.map((vector) => vector.length), [length, length]);
  }
});

describe("AnthropicBedrock", () => {
  const create = (messages, more = {}) =>
    anthropic.messages.create({ model: CLAUDE, max_tokens: MAX_TOKENS, messages, ...more });
  const user = (content) => ({ role: "user", content });

  test("a chat and a stream are the same answer", async () => {
    const whole = await create([user(m.repeat(m.LONG_PHRASE))]);
    assert.equal(whole.content[0].text, m.LONG_PHRASE);
    const events = await m.all(await create([user(m.repeat(m.LONG_PHRASE))], { stream: true }));
    const pieces = events.flatMap((event) => (event.delta?.type === "text_delta" ? event.delta.text : []));
    assert.equal(pieces.join(""), m.LONG_PHRASE);
  });

  test("thinking before a tool comes back signed", async () => {
    const more = {
      thinking: { type: "enabled", budget_tokens: 1024 },
      tools: [{ name: m.TOOL, description: m.DESCRIPTION, input_schema: m.SCHEMA }],
    };
    const asked = user(m.ASK_FOR_TOOL);
    const called = await create([asked], more);
    assert.deepEqual(called.content.map((block) => block.type), ["thinking", "tool_use"]);
    const result = { type: "tool_result", tool_use_id: called.content[1].id, content: m.TOOL_RESULT };
    const back = [asked, { role: "assistant", content: called.content }, user([result])];
    assert.ok((await create(back, more)).content.at(-1).text.includes(m.TOOL_RESULT));
    back[1].content[0].thinking = "something else";
    await assert.rejects(create(back, more), /Invalid `signature` in `thinking` block/);
  });
});
