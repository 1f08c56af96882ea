// The AI SDK with its four providers that fit our dialects, with application profile ARNs as the
// model, and with models that live on bedrock-mantle only.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import * as m from "./material.mjs";
import { testsOf } from "./ran.mjs";

const openai = createOpenAI({ baseURL: `${m.url}/v1`, apiKey: "local" });
const compatible = createOpenAICompatible({
  name: "outcrop",
  baseURL: `${m.url}/v1`,
  apiKey: "local",
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const anthropic = createAnthropic({ baseURL: `${m.url}/v1`, apiKey: "local" });
const bedrock = createAmazonBedrock({
  baseURL: m.url,
  region: m.region,
  accessKeyId: "local",
  secretAccessKey: "local",
});
const WAYS = {
  "openai, Chat Completions": (arn) => openai.chat(arn),
  "openai, Responses": (arn) => openai.responses(arn),
  "openai-compatible, Chat Completions": (arn) => compatible(arn),
  "anthropic, Messages": (arn) => anthropic(arn),
  "amazon-bedrock, Converse": (arn) => bedrock(arn),
};

// How each provider is asked to think.
const effort = { reasoningEffort: "low" };
const budget = { type: "enabled", budgetTokens: 1024 };
const THINKING = {
  "openai, Chat Completions": () => ({ openai: { ...effort, forceReasoning: true } }),
  "openai, Responses": () => ({ openai: { ...effort, forceReasoning: true, reasoningSummary: "auto", store: false } }),
  "openai-compatible, Chat Completions": () => ({ outcrop: effort }),
  "anthropic, Messages": () => ({ anthropic: { thinking: budget } }),
  "amazon-bedrock, Converse": (model) => ({ bedrock: ownThinking(model) }),
};

/** In the model's own words: Claude's have a setting, the others' are handed on as they are. */
function ownThinking({ model, thinking }) {
  return model.startsWith("anthropic.") ? { reasoningConfig: budget } : { additionalModelRequestFields: thinking };
}

const get_weather = tool({
  description: m.DESCRIPTION,
  inputSchema: z.object({ city: z.string(), days: z.number().int().min(2).max(5) }),
  execute: async () => m.TOOL_RESULT,
});

for (const [way, model] of Object.entries(WAYS)) {
  for (const known of m.models) {
    const arn = known.identifier;
    const [provider, dialect] = way.split(", ");
    const test = testsOf(`@ai-sdk/${provider}`, dialect, known);
    describe(`${way}: ${arn}`, () => {
      test("chat", "a chat answers with usage", async () => {
        const answer = await generateText({ model: model(arn), prompt: m.repeat(m.PHRASE), maxRetries: 0 });
        assert.equal(answer.text, m.PHRASE);
        assert.equal(answer.finishReason, "stop");
        assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0);
      });

      test("stream", "a stream is the same answer in pieces", async () => {
        const answer = streamText({ model: model(arn), prompt: m.repeat(m.LONG_PHRASE), maxRetries: 0 });
        const pieces = await m.all(answer.textStream);
        assert.equal(pieces.join(""), m.LONG_PHRASE);
        assert.ok(pieces.length > 1);
        assert.ok((await answer.usage).outputTokens > 0);
      });

      test("tools", "a tool is run and its result taken", async () => {
        const answer = await generateText({
          model: model(arn),
          prompt: m.ASK_FOR_TOOL,
          tools: { get_weather },
          stopWhen: stepCountIs(3),
          maxRetries: 0,
        });
        assert.equal(answer.steps.length, 2);
        assert.equal(answer.steps[0].toolCalls[0].toolName, "get_weather");
        assert.ok(answer.text.includes(m.TOOL_RESULT), answer.text);
      });

      test("images", "an image is seen", { skip: !known.sees }, async () => {
        const content = [
          { type: "text", text: m.ASK_FOR_IMAGE },
          { type: "file", data: m.png(), mediaType: "image/png" },
        ];
        const answer = await generateText({ model: model(arn), messages: [{ role: "user", content }], maxRetries: 0 });
        m.assertDescribes(answer.text, m.png());
      });

      test("structured output", "an answer in a structure", async () => {
        const output = Output.object({ schema: z.object({ name: z.string(), population: z.number().int() }) });
        const answer = await generateText({ model: model(arn), prompt: "Name a city.", output, maxRetries: 0 });
        assert.deepEqual(Object.keys(answer.output).sort(), ["name", "population"]);
      });

      test("thinking", "thinking arrives and goes back", { skip: !known.thinking }, async (remark) => {
        const first = await generateText({
          model: model(arn),
          prompt: m.ASK_FOR_TOOL,
          tools: { get_weather },
          stopWhen: stepCountIs(3),
          maxOutputTokens: 4000,
          maxRetries: 0,
          providerOptions: THINKING[way](known),
        });
        // OpenAI's Chat Completions have no member for it, and its provider looks for none.
        const tagged = provider === "openai-compatible" && m.tagsItsThoughts(known);
        const shown = way !== "openai, Chat Completions" && !tagged;
        if (tagged) remark(m.TAGGED);
        else if (!shown) remark("OpenAI's Chat Completions have no member for reasoning: it is asked for, and not shown");
        assert.equal(Boolean(first.steps[0].reasoningText), shown, JSON.stringify(first.steps[0].content));
        assert.ok(first.text.includes(m.TOOL_RESULT), first.text);
      });

      for (const fault of m.brokenStreams(known)) {
        test("cut stream", `a stream with ${fault} is an error`, async () => {
          const errors = [];
          const answer = streamText({
            model: model(arn),
            prompt: m.repeat(m.LONG_PHRASE),
            maxRetries: 0,
            headers: { "x-outcrop-fault": fault },
            onError: ({ error }) => errors.push(error),
          });
          const parts = await m.all(answer.fullStream);
          assert.ok(parts.some((part) => part.type === "error") && errors.length > 0, JSON.stringify(parts.at(-1)));
        });
      }

      test("error", "a refusal is an error that says so", async () => {
        const headers = { "x-outcrop-fault": "AccessDeniedException" };
        const asked = generateText({ model: model(arn), prompt: "Hello!", maxRetries: 0, headers });
        await assert.rejects(asked, (error) => error.statusCode === 403);
      });
    });
  }

  test(`${way}: an unknown profile is an error that says so`, async () => {
    const asked = generateText({ model: model(m.sibling(m.claude)), prompt: "Hello!", maxRetries: 0 });
    await assert.rejects(asked, /identifier is invalid|was not found/);
  });
}
