// A webhook receiver: WEBHOOK_SECRET=whsec_… PORT=9000 node receiver.mjs
import { createServer } from "node:http";
import { verify } from "./verify.mjs";

const secret = process.env.WEBHOOK_SECRET;
const BODY_BYTES_MAX = 16 * 1024 * 1024;

// A message can arrive twice. Remember its id when the work is done, best in the same transaction, for as long as retries
// last. A set that is lost at the end of the process is for this example only.
const seen = new Set();

// Your work. Do it in the background when it takes more than a few seconds: the sender waits for the answer.
function handle(id, eventType, payload) {
  console.log("verified", id, eventType, JSON.stringify(payload));
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
    let id;
    try {
      id = verify(secret, request.headers, body, Date.now() / 1000);
    } catch (error) {
      return answer(400, error.message);
    }
    if (seen.has(id)) {
      console.log("repeated", id);
      return answer(200, "repeated");
    }
    handle(id, request.headers["webhook-event"], JSON.parse(body));
    seen.add(id);
    answer(200, "verified");
  });
}).listen(Number(process.env.PORT ?? 9000), "127.0.0.1");
