// What every client sends, and what is to come back; see ../drive.py for the environment.
import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";

export const url = process.env.OUTCROP_URL;
export const claude = process.env.OUTCROP_CLAUDE_ARN;
export const nova = process.env.OUTCROP_NOVA_ARN;
// The two profiles, and then models that live on bedrock-mantle only: each with its `identifier`, the `model` behind it,
// whether it `sees`, and the fields of its own that ask it to think.
export const models = JSON.parse(process.env.OUTCROP_MODELS);
export const region = claude.split(":")[3];

// Two-, three- and four-byte characters: a stream that splits inside one would garble it.
export const PHRASE = "Grüße aus der Küche, 3 × 茶 und 🌍 = ¿qué tal";
// Long enough that an answer to it is more than one event.
export const LONG_PHRASE = Array.from({ length: 12 }, (_, number) => `${PHRASE} ${number}`).join(" ");
export const repeat = (text) => `repeat after me: ${text}`;

export const TOOL = "get_weather";
export const DESCRIPTION = "The weather of a city for some days";
export const SCHEMA = {
  type: "object",
  properties: {
    city: { type: "string" },
    unit: { type: "string", enum: ["celsius", "fahrenheit"] },
    days: { type: "integer", minimum: 2, maximum: 5 },
  },
  required: ["city", "unit", "days"],
  additionalProperties: false,
};
export const ASK_FOR_TOOL = `Use the ${TOOL} tool for Paris, please.`;
export const TOOL_RESULT = "18 degrees and drizzle at station 4711";
export const ASK_FOR_IMAGE = "What is in this picture?";

// How a client of Messages asks any model to think.
export const BUDGET = { type: "enabled", budget_tokens: 1024 };

/** Faults that make a model's stream no answer; server-sent events have no checksum. */
export function brokenStreams({ identifier, model }) {
  const faults = ["cut;at=mid", "ThrottlingException;at=mid"];
  return identifier === model ? faults : [...faults, "bad-crc;at=mid"];
}

/** Whether a model signs its thoughts; Chat Completions have no place for that. */
export const signs = ({ identifier, model }) => identifier !== model || model.startsWith("anthropic.");

/** Why a client that has but a Claude's own body for InvokeModel is not run with a model; `false` where it is. */
export const notItsBody = ({ model }) =>
  !model.startsWith("anthropic.") && "InvokeModel takes a model's own body, and this is run with a Claude's";

/** Why a Claude's own body asks for no form; `false` where it does. */
export const hasNoForm = ({ identifier, model }) =>
  identifier === model && "AWS takes no form in the own body of bedrock-mantle's Claude";

/** Whether a model's own Chat Completions have its reasoning in the text, between tags: so they are relayed. */
export const TAGGED = "gpt-oss puts its thoughts into its text, between tags, and so they are relayed";
export const tagsItsThoughts = ({ model }) => model.startsWith("openai.gpt-oss");

/** The values satisfy SCHEMA. */
export function assertFits(values) {
  assert.deepEqual(Object.keys(values).sort(), ["city", "days", "unit"]);
  assert.ok(typeof values.city === "string" && values.city);
  assert.ok(SCHEMA.properties.unit.enum.includes(values.unit));
  assert.ok(Number.isInteger(values.days) && values.days >= 2 && values.days <= 5);
}

/** The emulator's default actor says of a picture how many bytes and pixels it has. */
export function assertDescribes(text, image) {
  assert.ok(text.includes(`${image.length} bytes`) && text.includes("240×160"), text);
}

/** The ARN of an application profile that does not exist, in the account and Region of `arn`. */
export const sibling = (arn) => arn.replace(/[^/]+$/, "zz9zz9zz9zz9");

/** A picture in one colour, 240 by 160 pixels. */
export function png() {
  const [width, height] = [240, 160];
  const row = Buffer.concat([Buffer.of(0), Buffer.alloc(3 * width, Buffer.of(200, 80, 40))]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const pixels = deflateSync(Buffer.concat(Array(height).fill(row)));
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))]);
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

// Bit by bit, because node:zlib has a CRC from Node 22 on only.
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** Everything that an async iterable yields. */
export async function all(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}
