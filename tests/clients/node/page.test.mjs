// docs/clients.md, as it is written: the SDKs and the AI SDK.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import * as m from "./material.mjs";

const page = readFileSync(join(process.env.OUTCROP_ROOT, "docs", "clients.md"), "utf8");
const pieces = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, piece]) => piece);
const words = { URL: m.url, KEY: "local", ARN: m.claude };
// Beside the installed packages, where an `import` looks for them.
const folder = mkdtempSync(join(import.meta.dirname, "page-"));

for (const [number, piece] of pieces.entries()) {
  const [, imported] = piece.match(/from "(.+?)"/);
  test(`the piece with ${imported} runs`, async () => {
    const file = join(folder, `${number}.mjs`);
    writeFileSync(file, piece.replaceAll(/\b(URL|KEY|ARN)\b/g, (word) => words[word]));
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    const ways = imported.startsWith("@ai-sdk") ? 5 : 1;
    assert.equal(stdout.match(/hello/g)?.length, ways, stdout);
  });
}

test("every client has a piece", () => assert.equal(pieces.length, 5));
