// What a test shows of a client, written down for the table of docs/clients.md; see ../table.py.
import { appendFileSync } from "node:fs";
import { test } from "node:test";

/**
 * `test` for a client that reaches a model in some way, with the name of the column that the test fills before the other
 * arguments. The body is handed a function that takes a remark for the table; a skip that is a text is a reason for it.
 */
export function testsOf(client, way, { model }) {
  return (column, title, ...rest) => {
    const [options, body] = rest.length > 1 ? rest : [{}, rest[0]];
    const note = (outcome, text) => write({ client, way, column, model, outcome, text });
    if (typeof options.skip === "string") note("skipped", options.skip);
    return test(title, options, async () => {
      await body((text) => note("remark", text));
      note("passed");
    });
  };
}

/** Appends a line; to nothing where the tests run without `drive.py`. */
function write(record) {
  if (process.env.OUTCROP_RAN) appendFileSync(process.env.OUTCROP_RAN, `${JSON.stringify(record)}\n`);
}
