#include "services/gateway/pages.h"

namespace linjuli {

// Everything that comes from /openapi.json is put in as text, never as markup.
absl::string_view DocumentationPage() {
  static constexpr char kPage[] = R"html(<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>邻距里 linjuli · API</title>
<style>
:root { --ink: #1d2329; --soft: #5b6670; --line: #dde2e6; --paper: #fff; --tint: #f5f7f8;
  --accent: #0b6e5f; --get: #1f6fb2; --post: #2c7a3f; --patch: #a4650b; --delete: #b3312c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8eb; --soft: #9aa5ae; --line: #333b42; --paper: #15191d; --tint: #1d2328;
    --accent: #4fc3b0; --get: #6cb2ea; --post: #6fc483; --patch: #e0a750; --delete: #ef7f79; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--paper);
  font: 15px/1.6 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
code, pre, .path { font-family: ui-monospace, "JetBrains Mono", Consolas, monospace;
  font-size: 13px; }
nav { position: fixed; inset: 0 auto 0 0; width: 310px; overflow-y: auto; padding: 20px 16px;
  background: var(--tint); border-right: 1px solid var(--line); }
main { margin-left: 310px; padding: 28px 40px 120px; max-width: 1000px; }
nav h1 { font-size: 18px; margin: 0 0 12px; }
nav input { width: 100%; padding: 8px 10px; border: 1px solid var(--line); border-radius: 6px;
  color: inherit; background: var(--paper); font: inherit; }
nav h2 { font-size: 12px; color: var(--soft); margin: 18px 0 4px; }
nav a { display: flex; gap: 8px; align-items: baseline; padding: 3px 6px; border-radius: 5px;
  color: inherit; text-decoration: none; }
nav a:hover, nav a:focus { background: var(--line); }
nav a span:last-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.verb { font: 700 11px/1.6 ui-monospace, monospace; text-transform: uppercase; min-width: 46px; }
.get { color: var(--get); } .post { color: var(--post); }
.patch { color: var(--patch); } .delete { color: var(--delete); }
section { border-top: 1px solid var(--line); padding: 22px 0; scroll-margin-top: 12px; }
section h3 { margin: 0 0 2px; font-size: 18px; }
.path { overflow-wrap: anywhere; }
p { margin: 8px 0; white-space: pre-line; }
h4 { margin: 16px 0 4px; font-size: 13px; color: var(--soft); }
table { width: 100%; border-collapse: collapse; }
td { padding: 6px 8px; border-top: 1px solid var(--line); vertical-align: top; }
td:first-child { width: 32%; overflow-wrap: anywhere; }
.soft { color: var(--soft); font-size: 13px; }
.tag { display: inline-block; margin: 0 4px 2px 0; padding: 0 7px; border-radius: 9px;
  font-size: 12px;
  background: var(--tint); border: 1px solid var(--line); }
.must { color: var(--delete); }
details { margin: 4px 0 4px 8px; } summary { cursor: pointer; color: var(--accent); }
@media (max-width: 820px) { nav { position: static; width: auto; max-height: 45vh; }
  main { margin: 0; padding: 16px; } }
</style>
</head>
<body>
<nav aria-label="API"><h1>邻距里 linjuli</h1>
<input id="find" type="search" placeholder="查找 Search  ( / )" aria-label="查找 Search">
<div id="index"></div></nav>
<main id="page"><p class="soft">…</p></main>
<script>
'use strict';
const make = (name, attributes, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== ''));
  return element;
};
let api;
const named = (schema) => schema && schema.$ref ? schema.$ref.split('/').pop() : '';
const follow = (schema) => named(schema) ? api.components.schemas[named(schema)] || {} : schema;

function typeText(schema) {
  if (named(schema)) return named(schema).replace(/^linjuli\./, '');
  if (schema.type === 'array') return typeText(schema.items || {}) + '[]';
  return [schema.type, schema.format].filter(Boolean).join(' · ');
}
function rules(schema) {
  const all = [];
  const inner = schema.type === 'array' ? schema.items || {} : schema;
  if (inner.maxLength) all.push('≤ ' + inner.maxLength + ' 字符');
  if (schema.maxItems) all.push('≤ ' + schema.maxItems + ' 项');
  const low = inner.minimum ?? inner['x-linjuli-minimum'];
  const high = inner.maximum ?? inner['x-linjuli-maximum'];
  if (low !== undefined) all.push('≥ ' + low);
  if (high !== undefined) all.push('≤ ' + high);
  if (inner.pattern) all.push(inner.pattern);
  if (inner['x-linjuli-code']) all.push(inner['x-linjuli-code']);
  if (inner['x-linjuli-reference']) all.push('→ ' + inner['x-linjuli-reference']);
  if (schema.readOnly) all.push('只读 read-only');
  if (schema['x-linjuli-immutable']) all.push('不可改 immutable');
  if (schema['x-linjuli-personal']) all.push('个人信息 personal');
  return all;
}
function row(name, schema, required, description, seen) {
  const cell = make('td', {});
  if (description) cell.append(make('p', {}, description));
  for (const rule of rules(schema)) cell.append(make('span', {class: 'tag'}, rule));
  const target = schema.type === 'array' ? schema.items || {} : schema;
  const type = named(target);
  if (type && !seen.includes(type)) {
    const more = make('details', {}, make('summary', {}, type.split('.').pop()));
    more.addEventListener('toggle', () => {
      if (more.open && more.children.length === 1) more.append(shape(target, seen));
    });
    cell.append(more);
  }
  return make('tr', {}, make('td', {}, make('code', {}, name),
      required ? make('span', {class: 'must', title: '必填 required'}, ' *') : '',
      make('div', {class: 'soft'}, typeText(schema))), cell);
}
function shape(schema, seen = []) {
  const type = follow(schema);
  const inside = named(schema) ? seen.concat(named(schema)) : seen;
  const table = make('table', {});
  if (type.enum) {
    type.enum.forEach((value, i) => table.append(make('tr', {},
        make('td', {}, make('code', {}, value)),
        make('td', {}, (type['x-enum-descriptions'] || [])[i] || ''))));
    return table;
  }
  for (const [name, field] of Object.entries(type.properties || {})) {
    table.append(row(name, field, (type.required || []).includes(name), field.description, inside));
  }
  const about = type.description ? make('p', {class: 'soft'}, type.description) : '';
  return make('div', {}, about, table);
}
function block(title, content) { return content ? [make('h4', {}, title), content] : []; }

function operation(path, verb, op) {
  const section = make('section', {id: op.operationId},
      make('h3', {}, op.operationId.split('_').pop()),
      make('div', {class: 'path'}, make('span', {class: 'verb ' + verb}, verb), ' ' + path),
      make('p', {}, op.description));
  const parameters = op.parameters || [];
  if (parameters.length) {
    const table = make('table', {});
    for (const p of parameters) {
      table.append(row(p.name + (p.in === 'query' ? '' : ' (' + p.in + ')'), p.schema, p.required,
          p.description, []));
    }
    section.append(...block('参数 Parameters', table));
  }
  const body = op.requestBody && op.requestBody.content['application/json'].schema;
  if (body) section.append(...block('请求 Request · ' + typeText(body), shape(body)));
  const answer = op.responses['200'].content['application/json'].schema;
  section.append(...block('应答 Response · ' + typeText(answer), shape(answer)));
  return section;
}
function show() {
  const page = document.getElementById('page'), index = document.getElementById('index');
  page.replaceChildren(make('h1', {}, api.info.title), make('p', {}, api.info.description),
      make('p', {class: 'soft'}, 'OpenAPI 3.1: ',
          make('a', {href: '/openapi.json'}, '/openapi.json')));
  for (const tag of api.tags) {
    const group = make('div', {}, make('h2', {}, tag.name));
    page.append(make('h2', {}, tag.name), make('p', {}, tag.description || ''));
    for (const [path, verbs] of Object.entries(api.paths)) {
      for (const [verb, op] of Object.entries(verbs)) {
        if (!op.tags.includes(tag.name)) continue;
        const section = operation(path, verb, op);
        const link = make('a', {href: '#' + op.operationId, title: path},
            make('span', {class: 'verb ' + verb}, verb),
            make('span', {}, op.operationId.split('_').pop()));
        const text = [path, op.operationId, op.description, JSON.stringify(op.parameters)]
            .join(' ').toLowerCase();
        section.dataset.text = link.dataset.text = text;
        page.append(section);
        group.append(link);
      }
    }
    index.append(group);
  }
  page.append(make('h2', {}, '错误 Errors'), shape(api.components.schemas.Error));
  const target = document.getElementById(location.hash.slice(1));
  if (target) target.scrollIntoView();
}
const find = document.getElementById('find');
find.addEventListener('input', () => {
  const words = find.value.toLowerCase().split(/\s+/);
  for (const element of document.querySelectorAll('[data-text]')) {
    element.hidden = !words.every((word) => element.dataset.text.includes(word));
    if (element.tagName === 'A') element.style.display = element.hidden ? 'none' : '';
  }
});
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || document.activeElement === find) return;
  event.preventDefault();
  find.focus();
});
fetch('/openapi.json').then((answer) => answer.json()).then((read) => { api = read; show(); })
    .catch(() => { document.getElementById('page').textContent = '/openapi.json ✗'; });
</script>
</body>
</html>
)html";
  return absl::string_view(kPage, sizeof(kPage) - 1);
}

}  // namespace linjuli
