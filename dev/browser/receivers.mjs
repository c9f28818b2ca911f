// Receivers that behave in every way that a verdict has to tell apart. Each is a real socket on this machine.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { createServer as createTcp } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const listen = (server) =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

/** A certificate that nobody signed. */
async function certificate() {
  const directory = await mkdtemp(path.join(tmpdir(), "semnal-certificate-"));
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => path.join(directory, name));
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  await promisify(execFile)("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert, ...subject]);
  const pair = { key: await readFile(key), cert: await readFile(cert) };
  await rm(directory, { recursive: true });
  return pair;
}

/** All of them. `url(name)` is where each is; `seen` has the requests. */
export class Receivers {
  static async start() {
    const all = new Receivers();
    all.seen = [];
    all.sockets = new Set();
    const answer = async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      all.seen.push({ url: request.url, headers: request.headers, body });
      switch (request.url.split("?")[0]) {
        case "/204": return response.writeHead(204).end();
        case "/empty": return response.writeHead(200, { "content-length": 0 }).end();
        case "/json": return response.writeHead(200, { "content-type": "application/json" }).end('{"taken":true,"n":12345678901234567890}');
        case "/500": return response.writeHead(500, { "content-type": "text/html" }).end("<script>document.title = 'owned'</script><h1>Oops</h1>");
        case "/302": return response.writeHead(302, { location: "/204" }).end();
        case "/hang": return undefined;
        default: return response.writeHead(200).end("ok");
      }
    };
    const plain = createHttp(answer);
    const bad = createHttps(await certificate(), answer);
    const closed = createTcp();
    all.ports = { plain: await listen(plain), bad: await listen(bad), closed: await listen(closed) };
    await new Promise((resolve) => closed.close(resolve));
    all.servers = [plain, bad];
    return all;
  }

  /** Where a receiver is: `204`, `empty`, `500`, `302`, `hang`, `json`, `closed`, `certificate`, `dns`. */
  url(name) {
    switch (name) {
      case "closed": return `http://127.0.0.1:${this.ports.closed}/`;
      case "certificate": return `https://127.0.0.1:${this.ports.bad}/204`;
      case "dns": return "http://no-such-host.invalid/";
      default: return `http://127.0.0.1:${this.ports.plain}/${name}`;
    }
  }

  async stop() {
    for (const server of this.servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}
