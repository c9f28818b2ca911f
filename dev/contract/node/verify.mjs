// Verifies one received request with one of the npm packages. Reads everything from the environment; prints what it
// found as JSON. test_node.py runs it.
import { load } from "./packages.mjs";

const { Webhook } = await load(process.env.PACKAGE);

const body = Buffer.from(process.env.BODY_HEX, "hex");
const headers = JSON.parse(process.env.HEADERS);
const otherSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

function refuses(secret, text) {
  try {
    new Webhook(secret).verify(text, headers);
    return false;
  } catch (error) {
    return error.name === "Error" || error.constructor.name === "WebhookVerificationError";
  }
}

console.log(
  JSON.stringify({
    // svix 2 judges only, and returns nothing.
    payload: new Webhook(process.env.SECRET).verify(body, headers) ?? JSON.parse(body),
    changedBodyRefused: refuses(process.env.SECRET, `${body} `),
    otherSecretRefused: refuses(otherSecret, body.toString()),
  }),
);
