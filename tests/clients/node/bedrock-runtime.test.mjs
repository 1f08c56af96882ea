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
import { testsOf } from "./ran.mjs";

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
  const test = testsOf("@aws-sdk/client-bedrock-runtime", "Converse", model);
  describe(arn, () => {
    test("chat", "a chat answers with usage", async () => {
      const answer = await converse(arn, [user(m.repeat(m.PHRASE))], { system: [{ text: "You are a parrot." }] });
      assert.equal(textOf(answer), m.PHRASE);
      assert.equal(answer.stopReason, "end_turn");
      assert.equal(answer.usage.totalTokens, answer.usage.inputTokens + answer.usage.outputTokens);
      assert.ok(answer.$metadata.requestId);
    });

    test("stream", "a stream is the same answer in pieces, with usage at its end", async () => {
      const events = await m.all(await stream(arn, [user(m.repeat(m.LONG_PHRASE))]));
      const pieces = events.flatMap((event) => event.contentBlockDelta?.delta.text ?? []);
      assert.ok(pieces.length > 1);
      assert.equal(pieces.join(""), m.LONG_PHRASE);
      assert.deepEqual(events.slice(-2).flatMap(Object.keys), ["messageStop", "metadata"]);
      assert.ok(events.at(-1).metadata.usage.outputTokens > 0);
    });

    test("tools", "a tool round trip", async () => {
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

    test("images", "an image reaches the model", { skip: !model.sees }, async () => {
      const image = { format: "png", source: { bytes: m.png() } };
      m.assertDescribes(textOf(await converse(arn, [user({ image }, m.ASK_FOR_IMAGE)])), m.png());
    });

    test("structured output", "an answer has the form that was asked for", async () => {
      const structure = { jsonSchema: { schema: JSON.stringify(m.SCHEMA), name: "weather" } };
      const outputConfig = { textFormat: { type: "json_schema", structure } };
      m.assertFits(JSON.parse(textOf(await converse(arn, [user("How is the weather?")], { outputConfig }))));
    });

    test("chat", "a stop sequence and a token limit end the answer", async () => {
      const stopped = await converse(arn, [user("count to 9")], { inferenceConfig: { stopSequences: ["6"] } });
      assert.ok(textOf(stopped).includes("5") && !textOf(stopped).includes("6"));
      // Chat Completions, which some of the models speak, say the same of both.
      assert.ok(["stop_sequence", "end_turn"].includes(stopped.stopReason));
      const limited = await converse(arn, [user("count to 400")], { inferenceConfig: { maxTokens: 20 } });
      assert.equal(limited.stopReason, "max_tokens");
    });

    for (const fault of m.brokenStreams(model)) {
      test("cut stream", `a stream with ${fault} is an error`, async () => {
        const on = connect({ fault });
        await assert.rejects(async () => m.all(await stream(arn, [user(m.repeat(m.LONG_PHRASE))], {}, on)));
      });
    }

    test("cut stream", "an exception within a stream has its class", async () => {
      const throttled = connect({ fault: "ThrottlingException;at=mid" });
      const events = await stream(arn, [user(m.repeat(m.LONG_PHRASE))], {}, throttled);
      await assert.rejects(m.all(events), { name: "ThrottlingException" });
    });

    test("thinking", "reasoning arrives before the answer and goes back", { skip: !model.thinking }, async () => {
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

    test("error", "a refusal keeps its name and status", async () => {
      const asked = converse(arn, [user("hello")], {}, connect({ fault: "AccessDeniedException" }));
      await assert.rejects(asked, (error) => {
        assert.deepEqual([error.name, error.$metadata.httpStatusCode], ["AccessDeniedException", 403]);
        return true;
      });
    });
  });
}

for (const model of m.models) {
  const test = testsOf("@aws-sdk/client-bedrock-runtime", "InvokeModel", model);
  const skip = m.notItsBody(model);

  describe(`InvokeModel with Anthropic's own body: ${model.identifier}`, () => {
    const invocation = (content, more) => ({
      modelId: model.identifier,
      contentType: "application/json",
      body: JSON.stringify({
        anthropic_version: "bedrock-2023-05-31",
        max_tokens: 4096,
        messages: [{ role: "user", content }],
        ...more,
      }),
    });
    const invoke = async (content, more = {}, on = client) =>
      JSON.parse((await on.send(new InvokeModelCommand(invocation(content, more)))).body.transformToString());
    const chunks = async (content, on = client) => {
      const { body } = await on.send(new InvokeModelWithResponseStreamCommand(invocation(content)));
      return (await m.all(body)).map((event) => JSON.parse(new TextDecoder().decode(event.chunk.bytes)));
    };
    const textOf = (message) => message.content.findLast((block) => block.type === "text").text;

    test("chat", "it answers in Anthropic's shape", { skip }, async () => {
      assert.equal(textOf(await invoke(m.repeat(m.PHRASE))), m.PHRASE);
    });

    test("stream", "it streams the same answer in pieces", { skip }, async () => {
      const events = await chunks(m.repeat(m.LONG_PHRASE));
      const pieces = events.flatMap((event) => event.delta?.text ?? []);
      assert.ok(pieces.length > 1);
      assert.equal(pieces.join(""), m.LONG_PHRASE);
      assert.equal(events.at(-1).type, "message_stop");
    });

    test("tools", "a tool is called and its result taken", { skip }, async () => {
      const tools = [{ name: m.TOOL, description: m.DESCRIPTION, input_schema: m.SCHEMA }];
      const { content } = await invoke(m.ASK_FOR_TOOL, { tools });
      const call = content.find((block) => block.type === "tool_use");
      m.assertFits(call.input);
      const result = { type: "tool_result", tool_use_id: call.id, content: m.TOOL_RESULT };
      const question = { role: "user", content: m.ASK_FOR_TOOL };
      const messages = [question, { role: "assistant", content }, { role: "user", content: [result] }];
      assert.ok(textOf(await invoke("", { tools, messages })).includes(m.TOOL_RESULT));
    });

    test("images", "an image is seen", { skip: skip || !model.sees }, async () => {
      const source = { type: "base64", media_type: "image/png", data: m.png().toString("base64") };
      m.assertDescribes(textOf(await invoke([{ type: "image", source }, { type: "text", text: m.ASK_FOR_IMAGE }])), m.png());
    });

    test("thinking", "thinking arrives signed", { skip: skip || !model.thinking }, async () => {
      const [thought] = (await invoke(m.repeat(m.PHRASE), model.thinking)).content;
      assert.equal(thought.type, "thinking");
      assert.ok(thought.thinking && thought.signature);
    });

    test("structured output", "an answer has the form that was asked for", { skip: skip || m.hasNoForm(model) }, async () => {
      const output_config = { format: { type: "json_schema", schema: m.SCHEMA } };
      m.assertFits(JSON.parse(textOf(await invoke("How is the weather?", { output_config }))));
    });

    test("error", "a refusal keeps its name", { skip }, async () => {
      const on = connect({ fault: "AccessDeniedException" });
      await assert.rejects(invoke("hello", {}, on), { name: "AccessDeniedException" });
    });

    test("cut stream", "a cut stream is an error", { skip }, async () => {
      await assert.rejects(chunks(m.repeat(m.LONG_PHRASE), connect({ fault: "cut;at=mid" })));
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
