// Shows the OpenAPI document and sends requests. It only talks to this service, and inserts all content as text, never as HTML.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
const place = (id) => document.getElementById(id);
let api;

/** An element: its name and classes as in `p.note`, its properties, its children. */
function make(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = Object.assign(document.createElement(tag), properties);
  element.classList.add(...classes);
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== ""));
  return element;
}

/** Text with `code` and **strong** in it. */
function prose(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return make("code", {}, part.slice(1, -1));
    return part.startsWith("**") ? make("strong", {}, part.slice(2, -2)) : part;
  });
}

const paragraphs = (text = "") => text.split(/\n\s*\n/).filter(Boolean).map((part) => make("p", {}, prose(part)));

/** The value that a reference points to. */
function resolve(value) {
  if (!value || !value.$ref) return value || {};
  const path = value.$ref.slice(2).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const { $ref, ...own } = value;
  return { title: path.at(-1), ...path.reduce((at, name) => at[name], api), ...own };
}

/** A schema merged with the schemas in its `allOf`. */
function whole(schema) {
  const { allOf = [], ...own } = resolve(schema);
  return allOf.map(whole).reduce((all, part) => ({
    ...all, ...part, title: all.title || part.title,
    required: [...(all.required || []), ...(part.required || [])],
    properties: { ...all.properties, ...part.properties },
  }), own);
}

function kind(schema) {
  const types = [schema.type ?? (schema.properties ? "object" : schema.oneOf ? "one of" : "anything")].flat();
  let text = types.includes("array") ? `array of ${kind(whole(schema.items))}` : types.join(" or ");
  if (schema.format && !schema.format.startsWith("int")) text += `, ${schema.format}`;
  return text;
}

/** The bounds that a schema sets. */
function bounds(schema) {
  const words = { minLength: "at least % characters", maxLength: "at most % characters", minimum: "at least %", maximum: "at most %",
    minItems: "at least %", pattern: "like %", default: "% by default" };
  const result = Object.entries(words).filter(([key]) => schema[key] !== undefined).map(([key, text]) => text.replace("%", () => schema[key]));
  const values = schema.enum || (schema.items && whole(schema.items).enum);
  if (values) result.unshift(values.join(" | "));
  return result.join("; ");
}

function field(name, given, must, depth) {
  const schema = whole(given);
  const about = [make("span.name", {}, name), " ", make("span.type", {}, kind(schema))];
  if (must) about.push(" ", make("span.must", {}, "required"));
  const text = [given.description || schema.description, bounds(schema)].filter(Boolean);
  text.forEach((part, index) => about.push(make(index || !schema.description && !given.description ? "span.note.type" : "span.note", {}, prose(part))));
  return make("li", {}, about, fields(schema, depth + 1));
}

/** The fields of an object, of what an array holds, or of each alternative. */
function fields(given, depth = 0) {
  const schema = whole(given);
  if (depth > 6) return [];
  if (schema.items) return fields(schema.items, depth);
  const alternatives = (schema.oneOf || []).filter((one) => whole(one).type !== "null");
  if (alternatives.length) return make("ul.fields", {}, alternatives.map((one) => field("either", one, false, depth)));
  const names = Object.keys(schema.properties || {});
  if (!names.length) return [];
  const must = (name) => (schema.required || []).includes(name);
  names.sort((one, other) => must(other) - must(one));
  return make("ul.fields", {}, names.map((name) => field(name, schema.properties[name], must(name), depth)));
}

/** An example value for a schema. */
function sample(given) {
  const schema = whole(given);
  const [example] = [schema.example, ...(schema.examples || []), schema.default, ...(schema.enum || [])].filter((it) => it !== undefined);
  if (example !== undefined) return example;
  if (schema.oneOf) return sample(schema.oneOf[0]);
  const [type] = [schema.type].flat();
  if (type === "array") return [sample(schema.items)];
  if (schema.properties) {
    const names = Object.keys(schema.properties).filter((name) => (schema.required || []).includes(name));
    return Object.fromEntries(names.map((name) => [name, sample(schema.properties[name])]));
  }
  return { integer: schema.minimum || 0, number: 0, boolean: true, string: "" }[type] ?? null;
}

/** The media type and the content of a body. */
const content = (of) => Object.entries((of && of.content) || {})[0];

function needs(operation) {
  const scopes = (operation.security || []).flatMap((way) => Object.values(way).flat());
  if (scopes.length) return `needs a token with the scope ${scopes[0]}`;
  const ways = (operation.security || []).filter((way) => Object.keys(way).length);
  return ways.length ? "needs a client's secret or a token" : "needs no token";
}

function answer([status, given]) {
  const { description, headers = {}, content: bodies = {} } = resolve(given);
  const about = Object.entries(headers).map(([name, header]) => field(name, { ...resolve(header).schema, title: undefined, description: resolve(header).description }, false, 9));
  return make("details.answer", {},
    make("summary", {}, make(`span.status.s${status[0]}`, {}, status), " ", prose(description)),
    make("div", {},
      Object.entries(bodies).map(([type, body]) => [make("p", {}, make("code", {}, type), ` ${whole(body.schema).title || ""}`), fields(body.schema)]),
      about.length ? [make("p", {}, "Headers"), make("ul.fields", {}, about)] : []));
}

/** A form that sends the request. */
function attempt(method, path, operation) {
  const inputs = (operation.parameters || []).map((it) => {
    const input = make("input", { name: it.name, required: it.in === "path", placeholder: it.example ?? it.schema.example ?? "" });
    return { it, input };
  });
  const [type, body] = content(operation.requestBody) || [];
  const text = type && make("textarea", { spellcheck: false, value: encode(type, body.example ?? sample(body.schema)) });
  const result = make("div.result", { ariaLive: "polite" });
  const form = make("form.try", {}, make("h3", {}, "Try it"),
    inputs.map(({ it, input }) => make("label", {}, make("code", {}, it.name), input)),
    text ? make("label", {}, `Body, ${type}`, text) : [], make("button", {}, `Send ${method.toUpperCase()}`), result);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const headers = {}, query = new URLSearchParams();
    let url = path;
    for (const { it, input } of inputs) {
      if (it.in === "path") url = url.replace(`{${it.name}}`, encodeURIComponent(input.value));
      else if (input.value !== "") it.in === "query" ? query.set(it.name, input.value) : headers[it.name] = input.value;
    }
    if (type) headers["content-type"] = type;
    const takes = (operation.security || []).some((way) => "bearer" in way);
    if (takes && place("token").value) headers.authorization = `Bearer ${place("token").value.trim()}`;
    const options = { method: method.toUpperCase(), headers, body: text && text.value };
    result.replaceChildren(make("p", {}, "…"));
    result.replaceChildren(...await call(query.size ? `${url}?${query}` : url, options));
  });
  return form;
}

const encode = (type, value) => type.includes("json") ? JSON.stringify(value, null, 2) : String(new URLSearchParams(value));

/** Sends a request and returns elements that show the response. */
async function call(url, options) {
  try {
    const started = performance.now();
    const got = await fetch(url, { ...options, cache: "no-store", credentials: "omit" });
    const text = await got.text();
    const took = Math.round(performance.now() - started);
    const heads = [...got.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    const shown = (got.headers.get("content-type") || "").includes("json") && text ? JSON.stringify(JSON.parse(text), null, 2) : text;
    return [make("p", {}, make(`span.status.s${String(got.status)[0]}`, {}, String(got.status)), ` in ${took} ms`), make("pre", {}, heads), shown ? make("pre", {}, shown) : make("p", {}, "No body.")];
  } catch (error) {
    return [make("p", {}, `The request failed: ${error.message}`)];
  }
}

function card(path, method, operation) {
  const [type, body] = content(operation.requestBody) || [];
  const parameters = (operation.parameters || []).map((it) => field(it.name, { ...it.schema, description: it.description }, it.required, 0));
  const inside = make("div.inside");
  const element = make("details.operation", { id: operation.operationId },
    make("summary", {}, make(`span.method.${method}`, {}, method), make("span.path", {}, path), make("span.what", {}, prose(operation.summary || ""))), inside);
  // The content is created when the operation is opened.
  element.addEventListener("toggle", () => inside.childNodes.length || inside.append(...[
    ...paragraphs(operation.description), make("span.needs", {}, needs(operation)),
    parameters.length ? [make("h3", {}, "Parameters"), make("ul.fields", {}, parameters)] : [],
    type ? [make("h3", {}, "Body"), make("p", {}, make("code", {}, type)), fields(body.schema)] : [],
    make("h3", {}, "Responses"), Object.entries(operation.responses).map(answer),
    attempt(method, path, operation),
  ].flat(Infinity)));
  element.words = `${method} ${path} ${operation.summary} ${operation.description} ${Object.keys(operation.responses).join(" ")}`.toLowerCase();
  return element;
}

function show() {
  place("version").textContent = api.info.version;
  place("about").append(...paragraphs(api.info.description));
  place("operations").replaceChildren();
  for (const tag of api.tags) {
    const found = Object.entries(api.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method]?.tags.includes(tag.name)).map((method) => [path, method, item[method]]));
    const cards = found.map((it) => card(...it));
    const links = found.map(([, method, operation]) => make("li", {}, make("a", { href: `#${operation.operationId}` }, make(`span.method.${method}`, {}, method), operation.summary.replace(/\.$/, ""))));
    const section = make("section.tag", {}, make("h2", {}, tag.name), make("p", {}, prose(tag.description)), cards);
    const entry = make("div", {}, make("h2", {}, tag.name), make("ul", {}, links));
    place("operations").append(section);
    place("index").append(entry);
    place("find").addEventListener("input", ({ target }) => {
      const words = target.value.toLowerCase().split(/\s+/);
      cards.forEach((it, index) => { links[index].hidden = it.hidden = !words.every((word) => it.words.includes(word)); });
      section.hidden = entry.hidden = cards.every((it) => it.hidden);
    });
  }
}

/** Opens the operation that the fragment of the URL names. */
function open() {
  const element = place(location.hash.slice(1));
  if (element instanceof HTMLDetailsElement) {
    element.open = true;
    element.scrollIntoView();
  }
}

place("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target, result = place("login-result");
  const body = new URLSearchParams({ grant_type: "client_credentials", client_id: form.elements.id.value, client_secret: form.elements.secret.value });
  try {
    const got = await fetch("/oauth/token", { method: "POST", body, credentials: "omit" });
    const granted = await got.json();
    place("token").value = granted.access_token || "";
    result.textContent = got.ok ? `A token for ${granted.expires_in / 60} minutes: ${granted.scope}` : granted.error_description || granted.detail;
  } catch (error) {
    result.textContent = `The request failed: ${error.message}`;
  }
});

fetch("/api/schema/").then((got) => got.json()).then((document) => {
  api = document;
  show();
  open();
  addEventListener("hashchange", open);
}).catch((error) => place("operations").replaceChildren(make("p", {}, `The document cannot be read: ${error.message}`)));
