// For n8n's Code node, behind a Webhook node with the option Raw Body: verifies what Semnal signed, and passes the
// event on. An item that is not signed as it should be stops the workflow.
const SECRET = "whsec_…";
const TOLERANCE_SECONDS = 300;

const crypto = require("crypto");
const { headers } = $input.first().json;
const body = await this.helpers.getBinaryDataBuffer(0, "data");
const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map((part) => headers[`webhook-${part}`] || "");
if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE_SECONDS)) {
  throw new Error("the timestamp is more than 5 minutes off");
}
const key = Buffer.from(SECRET.replace("whsec_", ""), "base64");
const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
const expected = Buffer.from(`v1,${crypto.createHmac("sha256", key).update(signed).digest("base64")}`);
const matches = (one) => one.length === expected.length && crypto.timingSafeEqual(one, expected);
if (!signatures.split(" ").some((one) => matches(Buffer.from(one)))) {
  throw new Error("no signature matches");
}
return [{ json: { id, event: headers["webhook-event"], payload: JSON.parse(body.toString()) } }];
