// Verifies webhooks signed after Standard Webhooks, schemes v1 and v1a, with Node's standard library alone.
import { createHmac, createPublicKey, timingSafeEqual, verify as verifyBytes } from "node:crypto";

const TOLERANCE_SECONDS = 300;

// Returns the id of the message, or throws. `secret` is the endpoint's `whsec_…`, or its public key `whpk_…`.
// `headers` is an object with lower-case names, as `request.headers` is. `body` is a Buffer of what arrived, byte for
// byte. `nowSeconds` counts from 1970.
export function verify(secret, headers, body, nowSeconds) {
  const header = (part) => headers[`webhook-${part}`] || headers[`svix-${part}`] || "";
  const [id, timestamp, signatures] = [header("id"), header("timestamp"), header("signature")];
  if (!id || !/^[0-9]{1,12}$/.test(timestamp)) throw new Error("the id or the timestamp is missing or malformed");
  if (Math.abs(nowSeconds - Number(timestamp)) > TOLERANCE_SECONDS) {
    throw new Error("the timestamp is more than 5 minutes off");
  }
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`, "latin1"), body]);
  const matches = matcher(secret, signed);
  // While a secret is being rotated there are several signatures; one that matches is enough.
  if (!signatures.split(" ").some(matches)) throw new Error("no signature matches");
  return id;
}

function matcher(secret, signed) {
  const [kind, encoded] = secret.split("_", 2);
  const key = Buffer.from(encoded ?? "", "base64");
  if (kind === "whsec") {
    const expected = Buffer.from(`v1,${createHmac("sha256", key).update(signed).digest("base64")}`);
    return (text) => {
      const given = Buffer.from(text, "latin1");
      return given.length === expected.length && timingSafeEqual(given, expected);
    };
  }
  if (kind === "whpk") {
    const jwk = { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") };
    const publicKey = createPublicKey({ key: jwk, format: "jwk" });
    return (text) =>
      text.startsWith("v1a,") && verifyBytes(null, signed, publicKey, Buffer.from(text.slice(4), "base64"));
  }
  throw new Error("this needs a secret that begins with whsec_, or a public key that begins with whpk_");
}
