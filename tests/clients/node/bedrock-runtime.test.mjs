// @aws-sdk/client-bedrock-runtime, which speaks HTTP/2 in the clear (h2c) to an http endpoint, against the gateway.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";
import * as m from "./material.mjs";

const clients = [];
after(() => clients.forEach((client) => client.destroy()));

/** A client with dummy keys, every request of which carries `fault` where one is given. */
function connect({ fault, ...config } = {}) {
  const client = new BedrockRuntimeClient({
    endpoint: m.url,
    region: m.region,
    credentials: { accessKeyId: "AKIDANY", secretAccessKey: "any" },
    maxAttempts: 1,
    ...config,
  });
  if (fault) {
    const ask = (next) => (call) => {
      call.request.headers["x-outcrop-fault"] = fault;
      return next(call);
    };
    client.middlewareStack.add(ask, { step: "build", name: "fault" });
  }
  clients.push(client);
  return client;
}

const client = connect();
const TOOL_CONFIG = {
  tools: [{ toolSpec: { name: m.TOOL, description: m.DESCRIPTION, inputSchema: { json: m.SCHEMA } } }],
};
const user = (...content) => ({ role: "user", content: content.map((c) => (typeof c === "string" ? { text: c } : c)) });
const converse = (modelId, messages, parameters = {}, on = client) =>
  on.send(new ConverseCommand({ modelId, messages, ...parameters }));
const stream = async (modelId, messages, parameters = {}, on = client) =>
  (await on.send(new ConverseStreamCommand({ modelId, messages, ...parameters }))).stream;
const textOf = (answer) => answer.output.message.content.flatMap((block) => block.text ?? []).join("");

test("the client really speaks HTTP/2", () => {
  assert.equal(client.config.requestHandler.metadata.handlerProtocol, "h2");
});

for (const model of m.models) {
  const arn = model.identifier;
  describe(arn, () => {
    test("a chat answers with usage", async () => {
      const answer = await converse(arn, [user(m.repeat(m.PHRASE))], { system: [{ text: "You are a parrot." }] });
      assert.equal(textOf(answer), m.PHRASE);
      assert.equal(answer.stopReason, "end_turn");
      assert.equal(answer.usage.totalTokens, answer.usage.inputTokens + answer.usage.outputTokens);
      assert.ok(answer.$metadata.requestId);
    });

    test("a stream is the same answer in pieces, with usage at its end", async () => {
      const events = await m.all(await stream(arn, [user(m.repeat(m.LONG_PHRASE))]));
      const pieces = events.flatMap((event) => event.contentBlockDelta?.delta.text ?? []);
      assert.ok(pieces.length > 1);
      assert.equal(pieces.join(""), m.LONG_PHRASE);
      assert.deepEqual(events.slice(-2).flatMap(Object.keys), ["messageStop", "metadata"]);
      assert.ok(events.at(-1).metadata.usage.outputTokens > 0);
    });

    test("a tool round trip", async () => {
      const messages = [user(m.ASK_FOR_TOOL)];
      const asked = await converse(arn, messages, { toolConfig: TOOL_CONFIG });
      assert.equal(asked.stopReason, "tool_use");
      const [call] = asked.output.message.content.flatMap((block) => block.toolUse ?? []);
      assert.equal(call.name, m.TOOL);
      m.assertFits(call.input);
      const toolResult = { toolUseId: call.toolUseId, content: [{ text: m.TOOL_RESULT }] };
      messages.push(asked.output.message, user({ toolResult }));
      const answer = await converse(arn, messages, { toolConfig: TOOL_CONFIG });
      assert.ok(textOf(answer).includes(m.TOOL_RESULT));
    });

    test("an image reaches the model", { skip: !model.sees }, async () => {
      const image = { format: "png", source: { bytes: m.png() } };
      m.assertDescribes(textOf(await converse(arn, [user({ image }, m.ASK_FOR_IMAGE)])), m.png());
    });

    test("an answer has the form that was asked for", async () => {
      const structure = { jsonSchema: { schema: JSON.stringify(m.SCHEMA), name: "weather" } };
      const outputConfig = { textFormat: { type: "json_schema", structure } };
      m.assertFits(JSON.parse(textOf(await converse(arn, [user("How is the weather?")], { outputConfig }))));
    });

    test("a stop sequence and a token limit end the answer", async () => {
      const stopped = await converse(arn, [user("count to 9")], { inferenceConfig: { stopSequences: ["6"] } });
      assert.ok(textOf(stopped).includes("5") && !textOf(stopped).includes("6"));
      // Chat Completions, which some of the models speak, say the same of both.
      assert.ok(["stop_sequence", "end_turn"].includes(stopped.stopReason));
      const limited = await converse(arn, [user("count to 400")], { inferenceConfig: { maxTokens: 20 } });
      assert.equal(limited.stopReason, "max_tokens");
    });

    for (const fault of m.brokenStreams(model)) {
      test(`a stream with ${fault} is an error`, async () => {
        const on = connect({ fault });
        await assert.rejects(async () => m.all(await stream(arn, [user(m.repeat(m.LONG_PHRASE))], {}, on)));
      });
    }

    test("an exception within a stream has its class", async () => {
      const throttled = connect({ fault: "ThrottlingException;at=mid" });
      const events = await stream(arn, [user(m.repeat(m.LONG_PHRASE))], {}, throttled);
      await assert.rejects(m.all(events), { name: "ThrottlingException" });
    });

    test("reasoning arrives before the answer and goes back", { skip: !model.thinking }, async () => {
      const think = { inferenceConfig: { maxTokens: 4096 }, additionalModelRequestFields: model.thinking };
      const question = user(m.repeat(m.PHRASE));
      const { message } = (await converse(arn, [question], think)).output;
      const [{ reasoningContent }, { text }] = message.content;
      assert.ok(reasoningContent.reasoningText.text);
      assert.equal(Boolean(reasoningContent.reasoningText.signature), m.signs(model));
      assert.equal(text, m.PHRASE);
      const again = [question, message, user(m.repeat("again"))];
      assert.equal(textOf(await converse(arn, again, think)), "again");
    });
  });
}

for (const { identifier } of m.models.filter(({ model }) => model.startsWith("anthropic."))) {
  describe(`InvokeModel with Anthropic's own body: ${identifier}`, () => {
    const invocation = (text) => ({
      modelId: identifier,
      contentType: "application/json",
      body: JSON.stringify({
        anthropic_version: "bedrock-2023-05-31",
        max_tokens: 4096,
        messages: [{ role: "user", content: m.repeat(text) }],
      }),
    });

    test("answers in Anthropic's shape", async () => {
      const answer = await client.send(new InvokeModelCommand(invocation(m.PHRASE)));
      const message = JSON.parse(answer.body.transformToString());
      assert.equal(message.content.findLast((block) => block.type === "text").text, m.PHRASE);
    });

    test("streams the same answer in pieces", async () => {
      const answer = await client.send(new InvokeModelWithResponseStreamCommand(invocation(m.LONG_PHRASE)));
      const decoder = new TextDecoder();
      const chunks = (await m.all(answer.body)).map((event) => JSON.parse(decoder.decode(event.chunk.bytes)));
      const pieces = chunks.flatMap((chunk) => chunk.delta?.text ?? []);
      assert.ok(pieces.length > 1);
      assert.equal(pieces.join(""), m.LONG_PHRASE);
      assert.equal(chunks.at(-1).type, "message_stop");
    });
  });
}

test("many calls share one HTTP/2 connection without mixing their answers", async () => {
  const shared = connect({ requestHandler: { disableConcurrentStreams: false } });
  const numbers = Array.from({ length: 24 }, (_, number) => `number ${number}`);
  const answers = await Promise.all(numbers.map((text) => converse(m.claude, [user(m.repeat(text))], {}, shared)));
  assert.deepEqual(answers.map(textOf), numbers);
});

for (const identifier of ["no-such-model", m.sibling(m.claude), "arn:aws:bedrock", "../../etc/passwd"]) {
  test(`${identifier} is refused with AWS's error`, async () => {
    for (const send of [converse, stream]) {
      await assert.rejects(send(identifier, [user("hello")]), (error) => {
        assert.ok(["ValidationException", "ResourceNotFoundException"].includes(error.name), error);
        assert.ok([400, 404].includes(error.$metadata.httpStatusCode) && error.message);
        return true;
      });
    }
  });
}

for (const [fault, status] of Object.entries({ ThrottlingException: 429, AccessDeniedException: 403 })) {
  test(`${fault} keeps its name and status`, async () => {
    await assert.rejects(converse(m.nova, [user("hello")], {}, connect({ fault })), (error) => {
      assert.deepEqual([error.name, error.$metadata.httpStatusCode], [fault, status]);
      return true;
    });
  });
}
