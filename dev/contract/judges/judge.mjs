// See judge.py.
import { readFileSync } from "node:fs";

const { verify } = await import(`${process.env.EXAMPLE}/verify.mjs`);

for (const line of readFileSync(0, "latin1").split("\n").slice(0, -1)) {
  const [secret, now, ...encoded] = line.split("\t");
  const [id, timestamp, signature, body] = encoded.map((field) => Buffer.from(field, "base64"));
  const headers = {
    "webhook-id": id.toString("latin1"),
    "webhook-timestamp": timestamp.toString("latin1"),
    "webhook-signature": signature.toString("latin1"),
  };
  try {
    verify(secret, headers, body, Number(now));
    console.log("accept");
  } catch (error) {
    console.log("refuse:", error.message);
  }
}
