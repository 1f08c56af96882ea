// What LibreChat's reader (js-yaml, pinned) takes for text, Outcrop takes for the same text; what it takes for a number, a truth value,
// a date, nothing at all or a mistake, Outcrop refuses. A corpus and generated scalars, through `outcrop config show`.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { load } from "js-yaml";

const folder = mkdtempSync(join(tmpdir(), "outcrop-yaml-"));
after(() => rmSync(folder, { recursive: true }));

function outcrop(text) {
    writeFileSync(join(folder, "outcrop.yaml"), text);
    const { status, stdout, stderr } = spawnSync(process.env.OUTCROP_BIN, ["config", "show", "--json"], {
        cwd: folder,
        env: { HOME: folder },
        encoding: "utf8",
    });
    if (status === 0) return { aliases: JSON.parse(stdout).layers[0].aliases };
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^error: outcrop\.yaml/, "a refusal names the file");
    return { refused: stderr };
}

// The text that js-yaml reads, or undefined.
function text(document) {
    try {
        const read = load(document);
        const keys = Object.keys(read?.aliases ?? {});
        return Object.keys(read ?? {}).length === 1 && keys.length === 1 && typeof read.aliases[keys[0]] === "string"
            ? read.aliases[keys[0]].trim()
            : undefined;
    } catch {
        return undefined;
    }
}

function compare(scalar) {
    const document = `aliases:\n  k: ${scalar}\n`;
    const [theirs, ours] = [text(document), outcrop(document)];
    // An identifier that is empty is refused whatever it was written as.
    const expected = theirs === "" ? undefined : theirs;
    assert.equal(ours.aliases?.k, expected, `${JSON.stringify(scalar)}: ${ours.refused ?? ""}`);
}

const words = `no yes on off y n true True TRUE tRue false null Null NULL ~ nUll 1 1_000 +1 -1 0 00 007 08 0o7 0o17 0o8 0x1F 0X1F 0xfg
0x_1 0x1_ 0b101 0B1 1_0x 1__0 _1 1_ 1.5 1. .5 -.5 +.5 1e3 1E3 1.5e-3 1e 1e+ .inf -.inf +.inf .Inf .INF .nan .NaN nan inf 1_000.5 .1_0 1e1_0
-0x1 2026-11-21 2026-1-2 2026-11-21T10:00:00Z 2026-11-21T10:00:00.5+01:00 2026-13-45 10:30 190:20:30 1,000 0.1.2 v1:0 a:b 0777 - -- --- ... ?
| > & * ! % @ # a#b a,b [a] {a} {} [] "a" 'a' "1" '1' "no" !!str !!int = << 1.2.3.4 1-2 +a 1a 123abc 12e03 -2E+05 1.e1 .e1 ~a nulla`;
const phrases = [
    "a b", "a # c", "a: b", '"a: b"', "!!str 1", "!!str no", '!!int "3"', "!!float 1", '!!null ""', "!!bool true", "! 1", "2026-11-21 10:00:00",
    "- a", "&x a", "&x 1", "&x !!str 1", "|-\n    lines\n    more", ">-\n    folded\n    lines", '"\\u0041\\n"', "'it''s'", "!foo bar",
    "0x1F # c", "a  b", "*x", '"a\\x41"', '"\\/"', "? a", "é", "😀", '"\\ud83d\\ude00"', "!!binary aGk=", "a\n    b\n    c", "`a`",
];

test("a corpus of scalars is read as js-yaml reads it", () => {
    for (const scalar of [...words.split(/\s+/), ...phrases]) compare(scalar);
});

// The same in every run, and no two alike for a hundred thousand steps.
function* generated(count) {
    let state = 20261121;
    const below = (limit) => (state = (state * 1103515245 + 12345) % 2147483648) % limit;
    const letters = "0123456789_.-+eExobnT:Z~aA";
    for (let made = 0; made < count; made++) {
        yield Array.from({ length: 1 + below(7) }, () => letters[below(letters.length)]).join("");
    }
}

test("generated scalars are read as js-yaml reads them", () => {
    for (const scalar of generated(400)) compare(scalar);
});

// The key that js-yaml reads, or undefined for what Outcrop refuses, too: a mistake, a date (its text depends on where the machine
// is), nothing at all (to js-yaml the text "null"), and what is no finite number.
function key(document, scalar) {
    try {
        const [read] = load(`[${scalar}]`);
        if (typeof read === "object") return undefined; // a date, nothing, a list
        if (typeof read === "number" && !Number.isFinite(read)) return undefined;
    } catch {
        // Not a scalar by itself; as a key it may be one.
    }
    try {
        const keys = Object.keys(load(document)?.aliases ?? {});
        return keys.length === 1 && load(document).aliases[keys[0]] === "x.y" ? keys[0] : undefined;
    } catch {
        return undefined;
    }
}

function compareKeys(scalar) {
    const document = `aliases:\n  ${scalar}: x.y\n`;
    const [theirs, ours] = [key(document, scalar), outcrop(document)];
    assert.deepEqual(Object.keys(ours.aliases ?? {}), theirs === undefined ? [] : [theirs], `${JSON.stringify(scalar)}: ${ours.refused ?? ""}`);
}

test("keys mean the text that js-yaml makes of them", () => {
    const numbers = "-0 0x1F -0x1F 1_000 12e20 1e21 123456789012345678901234567890 0.000001 1e-7 -1.5e-7 5e-324 1.7976931348623157e308 1e400 0x1fffffffffffff";
    for (const scalar of [...words.split(/\s+/), ...numbers.split(" ")]) compareKeys(scalar);
});

test("generated keys mean the text that js-yaml makes of them", () => {
    for (const scalar of generated(400)) compareKeys(scalar);
});

test("two spellings of one key are one key, given twice", () => {
    for (const document of ["aliases: {31: x.y, 0x1F: x.y}\n", 'aliases: {1: x.y, "1": x.y}\n']) {
        assert.throws(() => load(document), /duplicated mapping key/);
        assert.match(outcrop(document).refused, /outcrop\.yaml:\d+:\d+: .* is given twice/);
    }
});

test("merge keys and anchors mean the same", () => {
    const document = "aliases:\n  a: &it amazon.nova-lite-v1:0\n  b: *it\n";
    assert.deepEqual(outcrop(document).aliases, load(document).aliases);
    const merged = "aliases:\n  <<: {a: x.y, b: z.w}\n  b: own.v\n";
    assert.deepEqual(outcrop(merged).aliases, load(merged).aliases);
});

test("what no one means is refused by both, with file, line and column", () => {
    for (const document of [
        "aliases: {a: x.y, a: z.w}\n",
        "aliases:\n\ta: x.y\n",
        "aliases: [a\n",
        "aliases: {a: 'x}\n",
        "aliases: {a: *nobody}\n",
    ]) {
        assert.throws(() => load(document), document);
        assert.match(outcrop(document).refused, /outcrop\.yaml:\d+:\d+: /, document);
    }
});

test("bombs are refused in little time, with file and line", () => {
    const levels = Array.from({ length: 30 }, (_, level) => `l${level + 1}: &l${level + 1} [*l${level}, *l${level}]`);
    for (const document of [
        `l0: &l0 [x, x]\n${levels.join("\n")}\n`,
        `aliases: ${"{a: ".repeat(100_000)}\n`,
        `aliases: ${"[".repeat(100_000)}\n`,
    ]) {
        assert.match(outcrop(document).refused, /^error: outcrop\.yaml:\d+:\d+: /);
    }
});
