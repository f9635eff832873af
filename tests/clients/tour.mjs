// A need's way, as a front end goes it: made, read, listed, followed while somebody claims it.
// Runs in Node.js and in browsers alike.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { ErrorInfoSchema, LocalizedMessageSchema } from "./generated/google/rpc/error_details_pb.js";
import { CollectionMethod, Need_State } from "./generated/linjuli/needs_intake/v1/need_pb.js";
import { NeedsIntake } from "./generated/linjuli/needs_intake/v1/needs_intake_pb.js";

const DIVISION = "331082001001";
const PATIENCE = 20_000;

export function bearer(token) {
  return (next) => (request) => {
    request.header.set("Authorization", `Bearer ${token}`);
    return next(request);
  };
}

export function check(what, holds, seen) {
  if (!holds) throw new Error(`${what}: ${typeof seen === "string" ? seen : JSON.stringify(seen)}`);
  check.passed = (check.passed ?? 0) + 1;
}

// The changes of a Server-Sent Events stream, each as { id, data }, until `end`.
export async function* events(url, token, lastEventId) {
  const headers = { Accept: "text/event-stream", Authorization: `Bearer ${token}` };
  if (lastEventId) headers["Last-Event-ID"] = lastEventId;
  const stop = new AbortController();
  const answer = await fetch(url, { headers, signal: stop.signal });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  const late = setTimeout(() => stop.abort(), PATIENCE);
  const decoder = new TextDecoder();
  const reader = answer.body.getReader();
  let text = "";
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
        const event = {};
        for (const line of text.slice(0, end).split("\n")) {
          const colon = line.indexOf(":");
          if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 1).trim();
        }
        if (event.event === "end") throw new Error(event.data);
        if (event.event === "change") yield { id: event.id, data: JSON.parse(event.data) };
      }
    }
  } finally {
    clearTimeout(late);
    stop.abort();
  }
}

// Follows the history over HTTP, breaks off after the first change, and resumes.
async function* historyOverHttp(http, token, name) {
  let first;
  for await (const change of events(`${http}/v1/history/${name}`, token)) {
    first = change;
    break;
  }
  yield first.data.stateAfter;
  for await (const change of events(`${http}/v1/history/${name}`, token, first.id)) {
    yield change.data.stateAfter;
  }
}

// `transport(token)` makes a transport; `follow(name)`, where it is given, follows by the
// transport's own means the states that a need passes through.
export async function tour(label, { http, tokens, transport, follow }) {
  const resident = createClient(NeedsIntake, transport(tokens.resident));
  const worker = createClient(NeedsIntake, transport(tokens.worker));
  const requestId = `${label}-${Math.random().toString(36).slice(2)}`;
  const wish = { need: { text: `${label}：楼道灯坏了`, division: DIVISION, channel: CollectionMethod.ONLINE }, requestId };

  const made = await resident.createNeed(wish);
  check(`${label}: a need is made`, /^needs\//.test(made.name) && made.state === Need_State.RECEIVED, made.name);
  const again = await resident.createNeed(wish);
  check(`${label}: again is once`, again.name === made.name, again.name);
  const read = await resident.getNeed({ name: made.name });
  check(`${label}: it is read`, read.text === wish.need.text && read.etag === made.etag, read.text);
  const page = await worker.listNeeds({ division: DIVISION, state: Need_State.RECEIVED, pageSize: 1000 });
  check(`${label}: it is listed`, page.needs.some((need) => need.name === made.name), page.needs.length);

  const refusal = await resident.getNeed({ name: "needs/0000000000000" }).catch((error) => ConnectError.from(error));
  check(`${label}: what is not there is not found`, refusal.code === Code.NotFound, refusal.code);
  const [info] = refusal.findDetails(ErrorInfoSchema);
  check(`${label}: with a reason`, info?.domain === "linjuli" && info.reason !== "", info?.reason);
  const [words] = refusal.findDetails(LocalizedMessageSchema);
  check(`${label}: and words for people`, words?.locale === "zh-CN" && words.message !== "", words?.locale);

  const states = follow ? follow(made.name) : historyOverHttp(http, tokens.resident, made.name);
  const first = await states.next();
  check(`${label}: following begins with what was`, first.value === "RECEIVED", first.value);
  await worker.claimNeed({ name: made.name, etag: made.etag });
  const second = await states.next();
  check(`${label}: and hears what comes`, second.value === "CLAIMED", second.value);
  await states.return();
}
