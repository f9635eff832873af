// Generated TypeScript clients against the real program: connect-node by all its transports, grpc-js,
// and connect-web in a browser, from a page of another origin.
//   node typescript_test.mjs PROGRAM      (typescript_test.sh generates what this imports)
import { spawn, execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, extname, join, normalize } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import grpc from "@grpc/grpc-js";
import { chromium } from "playwright-core";
import { bearer, check, tour } from "./tour.mjs";
import { Changes } from "./generated/linjuli/changes/v1/changes_pb.js";
import { CollectionMethod, Need_State } from "./generated/linjuli/needs_intake/v1/need_pb.js";
import { NeedsIntake } from "./generated/linjuli/needs_intake/v1/needs_intake_pb.js";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "../..");
const PROGRAM = process.argv[2];
const data = mkdtempSync(join(tmpdir(), "linjuli-typescript-"));

// --- the page, and what it imports ---------------------------------------------------------------

// What a bundler would do: tells the browser where each package's modules are.
function importMap() {
  const imports = {};
  for (const name of ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-web"]) {
    const { exports } = JSON.parse(readFileSync(join(HERE, "node_modules", name, "package.json")));
    for (const [path, targets] of Object.entries(exports)) {
      let target = targets;
      while (typeof target === "object") target = target.browser ?? target.import ?? target.default;
      if (typeof target === "string") imports[name + path.slice(1)] = `/node_modules/${name}/${target.slice(2)}`;
    }
  }
  return JSON.stringify({ imports });
}

const PAGE = `<!doctype html><meta charset="utf-8"><title>linjuli</title>
<script type="importmap">${importMap()}</script>`;
const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript" };
const pages = createServer((request, response) => {
  const path = normalize(request.url);
  if (path === "/") return response.writeHead(200, { "Content-Type": "text/html" }).end(PAGE);
  const type = TYPES[extname(path)];
  try {
    const file = readFileSync(join(HERE, path));
    response.writeHead(type ? 200 : 404, { "Content-Type": type ?? "text/plain" }).end(type && file);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => pages.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${pages.address().port}`;

// --- the program ---------------------------------------------------------------------------------

const served = spawn(PROGRAM, ["serve", "all", "--data-dir", data, "--standard",
  join(ROOT, "deploy/standards/linhai"), "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0",
  "--allow-origin", origin], { stdio: ["ignore", "pipe", "pipe"] });
let log = "";
served.stderr.on("data", (text) => (log += text));
const ended = new Promise((resolve) => served.on("exit", resolve));
const ready = await Promise.race([
  new Promise((resolve) => createInterface({ input: served.stdout }).once("line", resolve)),
  ended.then((code) => Promise.reject(new Error(`it did not start: ${code} ${log}`)))]);
const at = JSON.parse(ready);
const http = `http://${at.http}`;
const sign = (subject, ...options) => execFileSync(
  PROGRAM, ["token", "--data-dir", data, "--subject", subject, ...options], { encoding: "utf8" }).trim();
const tokens = {
  resident: sign("resident", "--role", "RESIDENT"),
  worker: sign("worker", "--role", "COMMUNITY_WORKER", "--area", "331082001"),
  auditor: sign("auditor", "--role", "AUDITOR"),
};

// --- connect-node --------------------------------------------------------------------------------

const grpcTransport = (token) =>
  createGrpcTransport({ baseUrl: `http://${at.grpc}`, interceptors: [bearer(token)] });

async function* statesBy(transport, name) {
  const log = createClient(Changes, transport(tokens.auditor));
  for await (const page of log.followChanges({ service: "needs_intake" })) {
    for (const change of page.changes) if (change.resource === name) yield change.stateAfter;
  }
}

async function nodeTours() {
  for (const [label, make, streams] of [
    ["connect-node, Connect in binary", (o) => createConnectTransport({ ...o, httpVersion: "1.1", useBinaryFormat: true })],
    ["connect-node, Connect in JSON", (o) => createConnectTransport({ ...o, httpVersion: "1.1", useBinaryFormat: false })],
    ["connect-node, Connect, reads by GET", (o) => createConnectTransport({ ...o, httpVersion: "1.1", useHttpGet: true })],
    ["connect-node, gRPC-Web", (o) => createGrpcWebTransport({ ...o, httpVersion: "1.1" }), true],
  ]) {
    const transport = (token) => make({ baseUrl: http, interceptors: [bearer(token)] });
    await tour(label, {
      http, tokens, transport, ...(streams && { follow: (name) => statesBy(transport, name) }) });
  }
  await tour("connect-node, gRPC", {
    http, tokens, transport: grpcTransport, follow: (name) => statesBy(grpcTransport, name) });
}

// --- grpc-js -------------------------------------------------------------------------------------

// A client of grpc-js, from the same generated schema.
function grpcClient(service) {
  const methods = {};
  for (const method of service.methods) {
    methods[method.name] = {
      path: `/${service.typeName}/${method.name}`,
      requestStream: false,
      responseStream: method.methodKind === "server_streaming",
      requestSerialize: (message) => Buffer.from(toBinary(method.input, message)),
      requestDeserialize: (bytes) => fromBinary(method.input, bytes),
      responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
      responseDeserialize: (bytes) => fromBinary(method.output, bytes),
    };
  }
  const Client = grpc.makeGenericClientConstructor(methods, service.typeName);
  return new Client(at.grpc, grpc.credentials.createInsecure());
}

async function grpcJsTour() {
  const { create } = await import("@bufbuild/protobuf");
  const needs = grpcClient(NeedsIntake), log = grpcClient(Changes);
  const metadata = (token) => {
    const sent = new grpc.Metadata();
    sent.set("authorization", `Bearer ${token}`);
    return sent;
  };
  const call = (name, token, request) => new Promise((resolve, reject) => {
    const method = NeedsIntake.methods.find((m) => m.name === name);
    needs[name](create(method.input, request), metadata(token), { deadline: Date.now() + 20_000 },
      (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  const text = "grpc-js：楼道灯坏了";
  const made = await call("CreateNeed", tokens.resident, {
    need: { text, division: "331082001001", channel: CollectionMethod.ONLINE } });
  check("grpc-js: a need is made", made.state === Need_State.RECEIVED, made.name);
  const read = await call("GetNeed", tokens.resident, { name: made.name });
  check("grpc-js: it is read", read.text === text, read.text);
  const page = await call("ListNeeds", tokens.worker, { division: "331082001001", pageSize: 1000 });
  check("grpc-js: it is listed", page.needs.some((need) => need.name === made.name), page.needs.length);
  const refusal = await call("GetNeed", tokens.resident, { name: "needs/0000000000000" }).catch((error) => error);
  check("grpc-js: what is not there is not found", refusal.code === grpc.status.NOT_FOUND, refusal.code);

  const follow = Changes.methods.find((m) => m.name === "FollowChanges");
  const stream = log.FollowChanges(create(follow.input, { service: "needs_intake" }), metadata(tokens.auditor));
  const states = (async function* () {
    for await (const changes of stream) {
      for (const change of changes.changes) if (change.resource === made.name) yield change.stateAfter;
    }
  })();
  const first = await states.next();
  check("grpc-js: following begins with what was", first.value === "RECEIVED", first.value);
  await call("ClaimNeed", tokens.worker, { name: made.name, etag: made.etag });
  const second = await states.next();
  check("grpc-js: and hears what comes", second.value === "CLAIMED", second.value);
  stream.on("error", () => {});
  stream.cancel();
  needs.close();
  log.close();
}

// --- connect-web, in a browser -------------------------------------------------------------------

async function browserTours() {
  const profile = join(data, "browser");
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium", headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
  try {
    const page = await context.newPage();
    page.on("console", (message) => (log += `browser: ${message.text()}\n`));
    await page.goto(`${origin}/`);
    const passed = await page.evaluate(async ({ http, tokens }) => {
      const { bearer, check, tour } = await import("/tour.mjs");
      const { createConnectTransport, createGrpcWebTransport } = await import("@connectrpc/connect-web");
      const { createClient } = await import("@connectrpc/connect");
      const { Changes } = await import("/generated/linjuli/changes/v1/changes_pb.js");
      async function* statesBy(transport, name) {
        const log = createClient(Changes, transport(tokens.auditor));
        for await (const page of log.followChanges({ service: "needs_intake" })) {
          for (const change of page.changes) if (change.resource === name) yield change.stateAfter;
        }
      }
      for (const [label, make, streams] of [
        ["connect-web, Connect in binary", (o) => createConnectTransport({ ...o, useBinaryFormat: true })],
        ["connect-web, Connect in JSON", (o) => createConnectTransport(o)],
        ["connect-web, Connect, reads by GET", (o) => createConnectTransport({ ...o, useHttpGet: true })],
        ["connect-web, gRPC-Web", (o) => createGrpcWebTransport(o), true],
      ]) {
        const transport = (token) => make({ baseUrl: http, interceptors: [bearer(token)] });
        await tour(label, {
          http, tokens, transport, ...(streams && { follow: (name) => statesBy(transport, name) }) });
      }
      return check.passed;
    }, { http, tokens });
    check.passed += passed;

    // The same page under another name is another origin, which is not listed.
    await page.goto(`http://localhost:${pages.address().port}/`);
    const outcome = await page.evaluate(
      (url) => fetch(url).then((answer) => `read ${answer.status}`, (error) => error.name), `${http}/livez`);
    check("a page of another origin reads nothing", outcome === "TypeError", outcome);
  } finally {
    await context.close();
  }
}

let code = 0;
try {
  await nodeTours();
  await grpcJsTour();
  await browserTours();
} catch (error) {
  console.error(`FAILED: ${error.stack ?? error}`);
  console.error(log.slice(-2000));
  code = 1;
}
served.kill("SIGTERM");
const left = await ended;
if (left !== 0) {
  console.error(`FAILED: SIGTERM: exit ${left}, wanted 0`);
  code = 1;
}
pages.close();
rmSync(data, { recursive: true, force: true });
if (code === 0) console.log(`typescript: ${check.passed} checks passed`);
process.exit(code);
