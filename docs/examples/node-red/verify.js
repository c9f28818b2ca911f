// For Node-RED's function node, behind an "http in" node that does not parse the body: what Semnal signed leaves by the
// first output, anything else by the second. `crypto` comes from the node's Setup tab.
const TOLERANCE_SECONDS = 300;

const header = (part) => msg.req.headers[`webhook-${part}`] || "";
const [id, timestamp, signatures] = [header("id"), header("timestamp"), header("signature")];
const refuse = (why) => [null, { ...msg, statusCode: 401, payload: why }];
if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE_SECONDS)) {
  return refuse("the timestamp is more than 5 minutes off");
}
const key = Buffer.from((env.get("WEBHOOK_SECRET") || "").replace("whsec_", ""), "base64");
if (key.length === 0) return refuse("set WEBHOOK_SECRET where Node-RED is started");
const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), msg.payload]);
const expected = Buffer.from(`v1,${crypto.createHmac("sha256", key).update(signed).digest("base64")}`);
const matches = (one) => one.length === expected.length && crypto.timingSafeEqual(one, expected);
if (!signatures.split(" ").some((one) => matches(Buffer.from(one)))) {
  return refuse("no signature matches");
}
return [{ ...msg, id, event: header("event"), payload: JSON.parse(msg.payload.toString()) }, null];
