// What an editor says of a file by `outcrop config schema` is what `outcrop config check` says: ajv judges the YAML that js-yaml
// reads, on the documents of our own pages, those of the guides, and broken ones.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import Ajv from "ajv/dist/2020.js";
import { load } from "js-yaml";

// The tests run in a copy beside their packages; the pages are where the repository is.
const root = process.env.OUTCROP_ROOT;
const folder = mkdtempSync(join(tmpdir(), "outcrop-schema-"));
after(() => rmSync(folder, { recursive: true }));

function outcrop(...words) {
    const { status, stdout, stderr } = spawnSync(process.env.OUTCROP_BIN, words, {
        cwd: folder,
        env: { HOME: folder, AWS_REGION: "us-east-1" },
        encoding: "utf8",
    });
    return { status, stdout, stderr };
}

const schema = JSON.parse(outcrop("config", "schema").stdout);
// Strict: a keyword that means nothing to an editor is a mistake. The formats are Rust's names of numbers, which say nothing more.
const valid = new Ajv({ strictSchema: true, strictTypes: false, validateFormats: false, allErrors: true }).compile(schema);

function editor(text) {
    try {
        return valid(load(text) ?? {}) ? [] : valid.errors.map((error) => `${error.instancePath} ${error.message}`);
    } catch (error) {
        return [error.message];
    }
}

function check(name, text) {
    writeFileSync(join(folder, name), text);
    const { status, stderr } = outcrop("config", "check", "--config", name);
    rmSync(join(folder, name));
    return { accepted: status === 0, stderr };
}

// The blocks of our pages that are files of ours.
function* documents() {
    for (const page of ["configuration", "resolver", "reliability", "profiles"]) {
        const text = readFileSync(join(root, `docs/${page}.md`), "utf8");
        for (const [, block] of text.matchAll(/^```yaml\n(.*?)^```/gms)) {
            if (!block.includes("profiles:\n  - name")) yield [`docs/${page}.md`, block];
        }
    }
    const seeds = join(root, "crates/outcrop/tests/fixtures/seeds");
    for (const file of readdirSync(seeds).filter((name) => name.endsWith(".yaml"))) {
        yield [file, readFileSync(join(seeds, file), "utf8")];
    }
}

test("an editor accepts every document of our pages and of the guides", () => {
    const all = [...documents()];
    assert.ok(all.length >= 6, `${all.length} documents`);
    for (const [where, text] of all) assert.deepEqual(editor(text), [], `${where}:\n${text}`);
});

const broken = {
    "a slip of the pen": "alias: {fast: x.y}\n",
    "a list for a mapping": "aliases: [fast]\n",
    "a number for a text": "aliases: {fast: 1_000}\n",
    "a date for a text": "aliases: {fast: 2026-11-21}\n",
    "nothing for a text": "aliases: {fast: ~}\n",
    "a word that is none": "lane: quick\n",
    "a key without its secret": "keys: [{name: ana}]\n",
    "a key of a key": "keys: [{name: ana, key: s, role: admin}]\n",
    "a text for a list": "regions: us-east-1\n",
    "a Region that is a number": "regions: [1]\n",
    "a text for a truth value": "upstream: {fips: maybe}\n",
    "a negative time": "upstream: {connect_timeout_ms: -1}\n",
    "a text for a number": "upstream: {connect_timeout_ms: soon}\n",
    "a residency that is a list": "residency: [eu]\n",
    "a step of another kind": "failover: {fast: [{zone: a}]}\n",
    "a rule that is no list": "failover: {fast: {region: us-east-1}}\n",
    "an account of another kind": "accounts: {a: {user: x}}\n",
    "a route without an account": "routes: {fast: {}}\n",
    "facts that are no mapping": "catalog: {models: {x.y: 3}}\n",
    "a snapshot that is a number": "catalog: {snapshot: 3}\n",
    "a file that is a list": "- a\n",
    "a file that is a word": "hello\n",
    "a file that is broken": "aliases: {a: 'x}\n",
    "a file with a tab": "aliases:\n\ta: x.y\n",
    "a file with a key twice": "aliases: {a: x.y, a: z.w}\n",
    "LibreChat: models as a text": "endpoints: {bedrock: {models: x.y}}\n",
    "LibreChat: a key of ours": "endpoints: {bedrock: {aliases: {}}}\n",
    "LibreChat: an ARN that is a number": "endpoints: {bedrock: {inferenceProfiles: {x.y: 7}}}\n",
    "LibreChat: a guardrail without its version": "endpoints: {bedrock: {guardrailConfig: {guardrailIdentifier: a}}}\n",
    "LibreChat: a version that is a number":
        "endpoints: {bedrock: {guardrailConfig: {guardrailIdentifier: a, guardrailVersion: 1}}}\n",
    "LibreChat: a section that is empty": "endpoints: {bedrock: }\n",
    "LibreChat: a rate below nothing": "endpoints: {bedrock: {streamRate: -1}}\n",
};

test("what an editor underlines is refused, and the other way round", () => {
    for (const [what, text] of Object.entries(broken)) {
        const name = what.startsWith("LibreChat") ? "librechat.yaml" : "outcrop.yaml";
        assert.notDeepEqual(editor(text), [], `${what}: the editor is silent`);
        const { accepted, stderr } = check(name, text);
        assert.ok(!accepted, `${what}: config check is silent`);
        assert.match(stderr, new RegExp(`^error: ${name.replace(".", "\\.")}:\\d+:\\d+: `, "m"), what);
    }
});
