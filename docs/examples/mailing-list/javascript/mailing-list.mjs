// Puts the name and e-mail of each new customer on a mailing list, a file of JSON lines:
// WEBHOOK_SECRET=whsec_… MAILING_LIST=list.jsonl PORT=9000 node mailing-list.mjs
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { verify } from "../../verify/javascript/verify.mjs";

const secret = process.env.WEBHOOK_SECRET;
const list = process.env.MAILING_LIST ?? "list.jsonl";
const BODY_BYTES_MAX = 1024 * 1024;

// Whoever is on the list already stays there once, so a message that arrives twice does no harm.
function subscribe(email, name) {
  const lines = existsSync(list) ? readFileSync(list, "utf8").split("\n").filter(Boolean) : [];
  if (lines.some((line) => JSON.parse(line).email === email)) return "already on the list";
  appendFileSync(list, JSON.stringify({ email, name }) + "\n");
  return "added";
}

createServer((request, response) => {
  const chunks = [];
  let bytes = 0;
  const answer = (status, text) => response.writeHead(status).end(text);
  request.on("data", (chunk) => {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
  });
  request.on("end", () => {
    if (bytes > BODY_BYTES_MAX) return answer(413, "too large");
    const body = Buffer.concat(chunks);
    try {
      verify(secret, request.headers, body, Date.now() / 1000);
    } catch (error) {
      return answer(400, error.message);
    }
    if (request.headers["webhook-event"] !== "customer_created") return answer(200, "not for me");
    const customer = JSON.parse(body);
    answer(200, subscribe(customer.customer_user_email, customer.customer_name));
  });
}).listen(Number(process.env.PORT ?? 9000), "127.0.0.1");
