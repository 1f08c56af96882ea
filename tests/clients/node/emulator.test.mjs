// @aws-sdk/client-bedrock and -runtime straight against `outcrop emulate`, every operation that it claims
// (`../operations.json`): h2c, which the runtime's client speaks by itself and the control plane's is made to, and TLS.
//
// Node reads NODE_EXTRA_CA_CERTS when it starts, so the calls are made by a second Node: this file, run as a program.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as control from "@aws-sdk/client-bedrock";
import * as runtime from "@aws-sdk/client-bedrock-runtime";

const { BedrockClient } = control;
const { BedrockRuntimeClient } = runtime;
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
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), "calls", process.env.OUTCROP_STORY], { env });
  assert.match(stdout, /^[0-9]+ steps/);
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
  const steps = JSON.parse(await readFile(process.argv[3])).steps;
  const clients = { runtime: new BedrockRuntimeClient({ maxAttempts: 1 }) };
  const { requestHandler } = clients.runtime.config;
  assert.equal(requestHandler.metadata.handlerProtocol, "h2");
  clients.control = new BedrockClient({ maxAttempts: 1, requestHandler });
  const made = {};
  await turnClock({ frozen: true });
  for (const { clock, operation, input, keep = {}, expect = {}, atLeast, pageByPage } of steps) {
    if (clock) {
      await turnClock(clock);
      continue;
    }
    const filledIn = filled(input, made);
    const answer = pageByPage ? await pages(clients.control, operation, filledIn) : await call(clients, operation, filledIn);
    for (const [name, path] of Object.entries(keep)) made[name] = within(answer, path);
    for (const [path, expected] of Object.entries(expect)) {
      assert.deepEqual(within(answer, path), expected, `${operation}: ${path}`);
    }
    for (const [member, least] of Object.entries(atLeast ?? {})) assert.ok(answer[member].length >= least, operation);
  }
  Object.values(clients).forEach((client) => client.destroy());
  console.log(`${steps.length} steps`);
}

/** One operation; of a stream its text. */
async function call(clients, operation, input) {
  const Command = runtime[`${operation}Command`] ?? control[`${operation}Command`];
  const answer = await (runtime[`${operation}Command`] ? clients.runtime : clients.control).send(new Command(input));
  if (answer.stream) return { text: await textOf(answer.stream, (event) => event) };
  if (operation === "InvokeModelWithResponseStream") {
    return { text: await textOf(answer.body, (event) => JSON.parse(Buffer.from(event.chunk.bytes))) };
  }
  return plain(answer);
}

async function textOf(stream, read) {
  let text = "";
  for await (const event of stream) text += read(event).contentBlockDelta?.delta?.text ?? "";
  return text;
}

/** All pages of a list, one item each, put together. */
async function pages(client, operation, input) {
  const all = {};
  for await (const page of control[`paginate${operation}`]({ client, pageSize: 1 }, input)) {
    for (const [member, value] of Object.entries(page)) {
      if (Array.isArray(value)) (all[member] ??= []).push(...value);
    }
  }
  return all;
}

/** What the story compares: without the members that are there but undefined. */
function plain(answer) {
  return JSON.parse(JSON.stringify({ ...answer, $metadata: undefined }));
}

function filled(value, made) {
  if (typeof value === "string") return value.replace(/^\{(\w+)\}$/, (_, name) => made[name]);
  if (Array.isArray(value)) return value.map((item) => filled(item, made));
  if (value?.$bytes !== undefined) return Buffer.from(value.$bytes);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, filled(item, made)]));
}

function within(answer, path) {
  return path.split(".").reduce((found, part) => found?.[part], answer);
}

async function turnClock(body) {
  const url = `${process.env.AWS_ENDPOINT_URL_BEDROCK}/_emulator/clock`;
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  assert.equal(answer.status, 200);
}
