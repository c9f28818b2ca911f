// Runs the code for n8n's Code node as n8n does: the body of an async function, whose `this` has helpers.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { CODE, SECRET, HEADERS, BODY_HEX } = process.env;
const AsyncFunction = (async () => {}).constructor;
const code = readFileSync(CODE, "utf8");
const run = (secret, body) => {
  const item = { json: { headers: JSON.parse(HEADERS) }, binary: { data: body } };
  const self = { helpers: { getBinaryDataBuffer: async (index, name) => item.binary[name] } };
  const $input = { first: () => item };
  const source = code.replace('"whsec_…"', JSON.stringify(secret));
  return new AsyncFunction("$input", "require", source).call(self, $input, createRequire(import.meta.url));
};
const refused = (secret, body) => run(secret, body).then(() => "accepted", (error) => error.message);

const body = Buffer.from(BODY_HEX, "hex");
const other = `whsec_${Buffer.alloc(24, 1).toString("base64")}`;
console.log(JSON.stringify({
  items: await run(SECRET, body),
  changedBody: await refused(SECRET, Buffer.concat([body, Buffer.from(" ")])),
  otherSecret: await refused(other, body),
}));
