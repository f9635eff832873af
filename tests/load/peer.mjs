// What a town's programmer might write instead: Fastify over a common store. It does the same job
// as our needs intake, in the usual way of its world, so that the comparison is fair: verified and
// cached tokens, the same checks of the body, one effect per Idempotency-Key, a hash-chained change
// row, what a change mentions, search by two-character grams, and durable commits.
//
//   node peer.mjs usual|grouped|postgres STORE ISSUER_JWK DIVISIONS_CSV
// STORE is a file, or a connection string. Prints its port when it listens.
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import { createVerifier } from 'fast-jwt';

const [kind, storePath, jwkPath, divisionsPath] = process.argv.slice(2);

const { kty, crv, x } = JSON.parse(readFileSync(jwkPath));
const verify = createVerifier({
  key: createPublicKey({ key: { kty, crv, x }, format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
  algorithms: ['EdDSA'], allowedIss: 'linjuli', allowedAud: 'linjuli', cache: 1000,
});
const divisions = new Set(readFileSync(divisionsPath, 'utf8').split('\n').map((line) => line.split(',')[0]));

const sha256 = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const digits = '0123456789abcdefghjkmnpqrstvwxyz';
let lastId = 0n;
const nextId = () => {
  const now = BigInt(Date.now()) << 20n;
  lastId = now > lastId ? now : lastId + 1n;
  return lastId;
};
const nameOf = (id) => {
  let text = '';
  for (let i = 0n; i < 13n; ++i) text = digits[Number((id >> (5n * i)) & 31n)] + text;
  return 'needs/' + text;
};
const idOf = (text) => {
  let id = 0n;
  for (const c of text) id = (id << 5n) | BigInt(digits.indexOf(c));
  return id;
};
const gramsOf = (text) => {
  const grams = [];
  for (const [run] of text.toLowerCase().matchAll(/[0-9a-z\u3400-\u9fcc]+/g)) {
    for (let i = 0; i < run.length; ++i) grams.push(run.slice(i, i + 2));
    grams.push('zz0zz');
  }
  return grams;
};
const later = (now, hours) => new Date(now + hours * 3600e3).toISOString();

// What is stored of a new need; the same fields as ours.
function makeNeed(body, sequence) {
  const now = Date.now();
  const id = nextId();
  return {
    id,
    need: {
      name: nameOf(id),
      receiptNumber: new Date(now).toISOString().slice(0, 10).replaceAll('-', '') +
        String(sequence).padStart(8, '0') + '19',
      text: body.text, division: body.division, channel: body.channel, state: 'RECEIVED', mediaHashes: [],
      followUp: { startTime: new Date(now).toISOString(), dueTime: later(now, 2), warnTime: later(now, 1) },
      handle: { startTime: new Date(now).toISOString(), dueTime: later(now, 120), warnTime: later(now, 96) },
      nextCheckTime: later(now, 1), matchedArticles: [], callbacks: [], contactAttemptTimes: [], notices: [],
      standardVersion: '2026-11-01', createTime: new Date(now).toISOString(), updateTime: new Date(now).toISOString(),
      etag: String(sequence).padStart(13, '0'),
    },
  };
}
const conflict = () => Object.assign(new Error('this request id was used for another request'), { statusCode: 409 });

async function openSqlite(grouped) {
  const { default: Database } = await import('better-sqlite3');
  const db = new Database(storePath);
  db.defaultSafeIntegers(true);
  for (const pragma of ['journal_mode=WAL', 'synchronous=FULL', 'wal_autocheckpoint=16000', 'cache_size=-32000',
    'journal_size_limit=-1', 'mmap_size=1073741824']) db.pragma(pragma);
  db.exec(`
    CREATE TABLE IF NOT EXISTS need(id INTEGER PRIMARY KEY, state TEXT, division TEXT, division_town TEXT, reporter TEXT,
      owner TEXT, receipt_number TEXT, next_check_time TEXT, body TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS need_by_division ON need(division);
    CREATE INDEX IF NOT EXISTS need_by_division_town ON need(division_town);
    CREATE INDEX IF NOT EXISTS need_by_reporter ON need(reporter) WHERE reporter IS NOT NULL;
    CREATE INDEX IF NOT EXISTS need_by_owner ON need(owner) WHERE owner IS NOT NULL;
    CREATE INDEX IF NOT EXISTS need_by_state ON need(state, division_town);
    CREATE UNIQUE INDEX IF NOT EXISTS need_by_receipt ON need(receipt_number);
    CREATE INDEX IF NOT EXISTS need_by_due ON need(next_check_time);
    CREATE VIRTUAL TABLE IF NOT EXISTS need_text USING fts5(grams, content='', tokenize='unicode61 remove_diacritics 0');
    CREATE TABLE IF NOT EXISTS change(seq INTEGER PRIMARY KEY, data TEXT NOT NULL, hash BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS mention(name TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(name, seq)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS reply(key BLOB PRIMARY KEY, seq INTEGER NOT NULL, body_hash BLOB NOT NULL) WITHOUT ROWID;`);
  const head = db.prepare('SELECT seq, hash FROM change ORDER BY seq DESC LIMIT 1').get();
  let sequence = Number(head?.seq ?? 0);
  let chain = head?.hash ?? Buffer.alloc(32);
  const findReply = db.prepare('SELECT r.body_hash, c.data FROM reply r JOIN change c USING(seq) WHERE key=?');
  const addNeed = db.prepare('INSERT INTO need VALUES(?,?,?,?,NULL,NULL,?,?,?)');
  const addText = db.prepare('INSERT INTO need_text(rowid, grams) VALUES(?,?)');
  const addChange = db.prepare('INSERT INTO change VALUES(?,?,?)');
  const addMention = db.prepare('INSERT INTO mention VALUES(?,?)');
  const addReply = db.prepare('INSERT INTO reply VALUES(?,?,?)');
  const getNeed = db.prepare('SELECT body FROM need WHERE id=?');
  const listNeeds = db.prepare('SELECT body FROM need WHERE division_town=? ORDER BY id DESC LIMIT ?');

  const work = ({ caller, key, body }) => {
    const hash = sha256(JSON.stringify(body)).subarray(0, 16);
    const replyKey = sha256(caller.sub, '\n', key).subarray(0, 8);
    if (key) {
      const stored = findReply.get(replyKey);
      if (stored) {
        if (!stored.body_hash.equals(hash)) throw conflict();
        return JSON.parse(stored.data).snapshot;
      }
    }
    const { id, need } = makeNeed(body, sequence + 1);
    const json = JSON.stringify(need);
    addNeed.run(id, need.state, need.division, need.division.slice(0, 9), need.receiptNumber, need.nextCheckTime, json);
    addText.run(id, gramsOf(need.text).join(' '));
    const data = JSON.stringify({ sequence: sequence + 1, commitTime: need.createTime, caller: caller.sub, method: 'CreateNeed',
      resource: need.name, stateBefore: '', stateAfter: need.state, requestId: key, snapshot: need });
    const linked = sha256(chain, data);
    addChange.run(sequence + 1, data, linked);
    addMention.run(need.name, sequence + 1);
    if (key) addReply.run(replyKey, sequence + 1, hash);
    sequence += 1;
    chain = linked;
    return need;
  };
  const once = db.transaction(work);
  const all = db.transaction((jobs) => {
    for (const job of jobs) {
      const [sequenceBefore, chainBefore] = [sequence, chain];
      try {
        job.need = work(job);
      } catch (error) {
        if (!error.statusCode || sequence !== sequenceBefore) throw error;
        [sequence, chain] = [sequenceBefore, chainBefore];
        job.error = error;
      }
    }
  });
  let queue = [];
  const flush = () => {
    const jobs = queue;
    queue = [];
    try {
      all.immediate(jobs);
      for (const job of jobs) job.error ? job.reject(job.error) : job.resolve(job.need);
    } catch (error) {
      for (const job of jobs) job.reject(error);
    }
  };
  return {
    create: grouped
      ? (job) => new Promise((resolve, reject) => {
        if (queue.push({ ...job, resolve, reject }) === 1) setImmediate(flush);
      })
      : (job) => once.immediate(job),
    get: (id) => getNeed.get(id)?.body,
    list: (town, size) => listNeeds.all(town, size).map((row) => row.body),
  };
}

// One round trip a write: a function in the database does what a transaction of several would.
async function openPostgres() {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: storePath, max: 16 });
  await pool.query(`
    CREATE TABLE IF NOT EXISTS need(id BIGINT PRIMARY KEY, state TEXT, division TEXT, division_town TEXT, reporter TEXT,
      owner TEXT, receipt_number TEXT, next_check_time TEXT, body TEXT NOT NULL, grams TSVECTOR);
    CREATE INDEX IF NOT EXISTS need_by_division ON need(division, id);
    CREATE INDEX IF NOT EXISTS need_by_division_town ON need(division_town, id);
    CREATE INDEX IF NOT EXISTS need_by_reporter ON need(reporter) WHERE reporter IS NOT NULL;
    CREATE INDEX IF NOT EXISTS need_by_owner ON need(owner) WHERE owner IS NOT NULL;
    CREATE INDEX IF NOT EXISTS need_by_state ON need(state, division_town, id);
    CREATE UNIQUE INDEX IF NOT EXISTS need_by_receipt ON need(receipt_number);
    CREATE INDEX IF NOT EXISTS need_by_due ON need(next_check_time);
    CREATE INDEX IF NOT EXISTS need_by_text ON need USING gin(grams);
    CREATE TABLE IF NOT EXISTS change(seq BIGINT PRIMARY KEY, data TEXT NOT NULL, hash BYTEA NOT NULL);
    CREATE TABLE IF NOT EXISTS mention(name TEXT NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY(name, seq));
    CREATE TABLE IF NOT EXISTS reply(key BYTEA PRIMARY KEY, seq BIGINT NOT NULL, body_hash BYTEA NOT NULL);
    CREATE TABLE IF NOT EXISTS head(one BOOL PRIMARY KEY, seq BIGINT NOT NULL, hash BYTEA NOT NULL) WITH (fillfactor=10);
    CREATE SEQUENCE IF NOT EXISTS receipt;
    INSERT INTO head VALUES(true, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
    CREATE OR REPLACE FUNCTION create_need(p_id BIGINT, p_need JSONB, p_body TEXT, p_grams TEXT[], p_data TEXT, p_key BYTEA,
        p_hash BYTEA) RETURNS TABLE(body_hash BYTEA, body TEXT) LANGUAGE plpgsql AS $$
      DECLARE h head; linked BYTEA;
      BEGIN
        RETURN QUERY SELECT r.body_hash, c.data FROM reply r JOIN change c USING(seq) WHERE r.key = p_key;
        IF FOUND THEN RETURN; END IF;
        INSERT INTO need VALUES(p_id, p_need->>'state', p_need->>'division', left(p_need->>'division', 9), NULL, NULL,
          p_need->>'receiptNumber', p_need->>'nextCheckTime', p_body, array_to_tsvector(p_grams));
        -- The chain is one: whoever links holds it until the commit, so this comes last.
        SELECT * INTO h FROM head FOR UPDATE;
        linked := sha256(h.hash || convert_to(p_data, 'UTF8'));
        INSERT INTO change VALUES(h.seq + 1, p_data, linked);
        INSERT INTO mention VALUES(p_need->>'name', h.seq + 1);
        IF p_key IS NOT NULL THEN INSERT INTO reply VALUES(p_key, h.seq + 1, p_hash); END IF;
        UPDATE head SET seq = h.seq + 1, hash = linked;
      END $$;`);
  let receipts = Number((await pool.query("SELECT coalesce(max(seq),0) AS n FROM change")).rows[0].n);
  return {
    create: async ({ caller, key, body }) => {
      const hash = sha256(JSON.stringify(body)).subarray(0, 16);
      const { id, need } = makeNeed(body, ++receipts);
      const json = JSON.stringify(need);
      const data = JSON.stringify({ commitTime: need.createTime, caller: caller.sub, method: 'CreateNeed',
        resource: need.name, stateBefore: '', stateAfter: need.state, requestId: key, snapshot: need });
      const { rows } = await pool.query({ name: 'create', text: 'SELECT * FROM create_need($1,$2,$3,$4,$5,$6,$7)',
        values: [id, json, json, [...new Set(gramsOf(need.text))], data,
          key ? sha256(caller.sub, '\n', key).subarray(0, 8) : null, hash] });
      if (rows.length === 0) return need;
      if (!rows[0].body_hash.equals(hash)) throw conflict();
      return JSON.parse(rows[0].body).snapshot;
    },
    get: async (id) => (await pool.query({ name: 'get', text: 'SELECT body FROM need WHERE id=$1', values: [id] })).rows[0]?.body,
    list: async (town, size) => (await pool.query({ name: 'list',
      text: 'SELECT body FROM need WHERE division_town=$1 ORDER BY id DESC LIMIT $2', values: [town, size] }))
      .rows.map((row) => row.body),
  };
}

const store = kind === 'postgres' ? await openPostgres() : await openSqlite(kind === 'grouped');

const clock = { type: 'object', properties: { startTime: { type: 'string' }, dueTime: { type: 'string' }, warnTime: { type: 'string' } } };
const strings = { type: 'array', items: { type: 'string' } };
const needSchema = { type: 'object', properties: {
  name: { type: 'string' }, receiptNumber: { type: 'string' }, text: { type: 'string' }, division: { type: 'string' },
  channel: { type: 'string' }, state: { type: 'string' }, mediaHashes: strings, followUp: clock, handle: clock,
  nextCheckTime: { type: 'string' }, matchedArticles: strings, callbacks: strings, contactAttemptTimes: strings,
  notices: strings, standardVersion: { type: 'string' }, createTime: { type: 'string' }, updateTime: { type: 'string' },
  etag: { type: 'string' }, allowedActions: strings } };
const bodySchema = { type: 'object', additionalProperties: false, required: ['text', 'division', 'channel'], properties: {
  text: { type: 'string', minLength: 1, maxLength: 10000 }, division: { type: 'string', pattern: '^[0-9]{12}$' },
  channel: { enum: ['SYMPOSIUM', 'HEARING', 'SURVEY', 'HOME_VISIT', 'ONLINE', 'COUNTER', 'HOTLINE'] } } };

const refuse = (statusCode, message) => Object.assign(new Error(message), { statusCode });
const covers = (caller, division) => caller.area?.some((area) => division.startsWith(area));
const dress = (need) => {
  need.allowedActions = ['classify', 'claim', 'merge', 'urge'];
  return need;
};

const app = Fastify();
app.decorateRequest('caller', null);
app.addHook('onRequest', async (request) => {
  const header = request.headers.authorization;
  if (!header?.startsWith('Bearer ')) throw refuse(401, 'a token is needed');
  try {
    request.caller = verify(header.slice(7));
  } catch {
    throw refuse(401, 'the token does not hold');
  }
  if (!request.caller.roles?.includes('COMMUNITY_WORKER')) throw refuse(403, 'another role is needed');
});
app.post('/v1/needs', { schema: { body: bodySchema, response: { 200: needSchema } } }, async (request, reply) => {
  const { body, caller } = request;
  if (!divisions.has(body.division)) throw refuse(400, 'there is no such division');
  if (!covers(caller, body.division)) throw refuse(403, 'this lies outside the area you work for');
  const need = await store.create({ caller, key: request.headers['idempotency-key'] ?? '', body });
  reply.header('ETag', `"${need.etag}"`);
  return dress(need);
});
app.get('/v1/needs/:id', { schema: { response: { 200: needSchema } } }, async (request, reply) => {
  const body = await store.get(idOf(request.params.id));
  const need = body && JSON.parse(body);
  if (!need || !covers(request.caller, need.division)) throw refuse(404, 'there is no such need');
  reply.header('ETag', `"${need.etag}"`);
  return dress(need);
});
app.get('/v1/needs', { schema: { response: { 200: { type: 'object', properties: {
  needs: { type: 'array', items: needSchema }, nextPageToken: { type: 'string' } } } } } }, async (request) => {
  const { division, pageSize = '50' } = request.query;
  if (!covers(request.caller, division)) return { needs: [] };
  const rows = await store.list(division, Number(pageSize));
  return { needs: rows.map((row) => dress(JSON.parse(row))), nextPageToken: 'next' };
});
await app.listen({ host: '127.0.0.1', port: 0 });
console.log(app.server.address().port);
process.on('SIGTERM', () => process.exit(0));
