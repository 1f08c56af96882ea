// @aws-sdk/client-bedrock and -runtime straight against `outcrop emulate`: h2c as the SDK speaks it by itself, and TLS.
//
// Node reads NODE_EXTRA_CA_CERTS when it starts, so the calls are made by a second Node: this file, run as a program.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  BedrockClient,
  CreateGuardrailCommand,
  CreateInferenceProfileCommand,
  GetFoundationModelAvailabilityCommand,
  GetGuardrailCommand,
  paginateListGuardrails,
  paginateListInferenceProfiles,
} from "@aws-sdk/client-bedrock";
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";

const MODEL = "amazon.nova-lite-v1:0";
const SOURCE = `arn:aws:bedrock:us-east-1::foundation-model/${MODEL}`;
const messages = [{ role: "user", content: [{ text: "Repeat after me: conform" }] }];
// A debug build on a loaded machine.
const START_MS = 30_000;

if (process.argv[2] === "calls") {
  await calls();
} else {
  for (const [how, ...flags] of [["h2c"], ["TLS", "--tls"]]) {
    test(`control plane and runtime over ${how}`, { timeout: 2 * START_MS }, () => withEmulator(flags, judge));
  }
}

/** Runs `judge` with what an emulator tells a shell to export. */
async function withEmulator(flags, judge) {
  const folder = await mkdtemp(join(tmpdir(), "outcrop-node-"));
  const listen = `127.0.0.1:${await freePort()}`;
  const args = ["emulate", "--listen", listen, "--data-dir", folder, ...flags];
  const emulator = spawn(process.env.OUTCROP_BIN, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => emulator.once("exit", resolve));
  try {
    await judge(await printed(emulator.stdout));
  } finally {
    emulator.kill();
    await ended;
    await rm(folder, { recursive: true });
  }
}

async function judge(exported) {
  const env = { PATH: process.env.PATH, AWS_REGION: "us-east-1", NODE_EXTRA_CA_CERTS: exported.AWS_CA_BUNDLE ?? "", ...exported };
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), "calls"], { env });
  assert.equal(stdout.trim(), "conform");
}

async function printed(stdout) {
  let text = "";
  for await (const chunk of stdout) {
    text += chunk;
    if (text.includes("# profile")) break;
  }
  return Object.fromEntries([...text.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** What the second Node does: the environment names the endpoints, the keys and the CA. */
async function calls() {
  const client = new BedrockClient({ maxAttempts: 1 });
  const { inferenceProfileArn } = await client.send(
    new CreateInferenceProfileCommand({ inferenceProfileName: "node", modelSource: { copyFrom: SOURCE } }),
  );
  const listed = [];
  for await (const page of paginateListInferenceProfiles({ client, pageSize: 5 }, { typeEquals: "APPLICATION" })) {
    listed.push(...page.inferenceProfileSummaries);
  }
  assert.ok(listed.some((profile) => profile.inferenceProfileArn === inferenceProfileArn));
  const { guardrailId } = await client.send(
    new CreateGuardrailCommand({
      name: "node",
      blockedInputMessaging: "no",
      blockedOutputsMessaging: "no",
      wordPolicyConfig: { wordsConfig: [{ text: "kraken" }] },
    }),
  );
  const guardrail = await client.send(new GetGuardrailCommand({ guardrailIdentifier: guardrailId }));
  assert.equal(guardrail.wordPolicy.words[0].text, "kraken");
  for await (const page of paginateListGuardrails({ client }, {})) assert.equal(page.guardrails.length, 1);
  const available = await client.send(new GetFoundationModelAvailabilityCommand({ modelId: MODEL }));
  assert.equal(available.agreementAvailability.status, "AVAILABLE");

  const runtime = new BedrockRuntimeClient({ maxAttempts: 1 });
  const guardrailConfig = { guardrailIdentifier: guardrailId, guardrailVersion: "DRAFT" };
  const answer = await runtime.send(new ConverseCommand({ modelId: inferenceProfileArn, messages, guardrailConfig }));
  const { stream } = await runtime.send(new ConverseStreamCommand({ modelId: inferenceProfileArn, messages }));
  let text = "";
  for await (const event of stream) text += event.contentBlockDelta?.delta?.text ?? "";
  assert.equal(text, answer.output.message.content[0].text);
  console.log(text);
  runtime.destroy();
  client.destroy();
}
