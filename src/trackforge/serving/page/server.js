// What the server answers, and why it refuses, in words.

const TRIES = 8;

// A refusal of the server; `status` is 0 where it did not answer at all.
export class Refusal extends Error {
  constructor(words, status = 0) { super(words); this.status = status; }
}

let door = null; // asks for the token, once for all who wait
let asking = null;
let entries = 0; // how often somebody came in

export function askWith(ask) { door = ask; }

export const address = path => new URL(path, document.baseURI);

export function socketAddress(path) {
  const url = address(path);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

// The server answers the token by a cookie that no script can read, and which is enough for sockets, films and downloads.
async function enter() {
  for (let refused = false; ; refused = true) {
    const token = await door(refused), url = address("./");
    url.search = new URLSearchParams({token});
    if ((await fetch(url, {cache: "no-store"})).ok) { entries++; return; }
  }
}

function wordsOf(status, text, type) {
  let told = null;
  if (type.includes("json")) try { told = JSON.parse(text); } catch { /* the status says what is known */ }
  const words = told && (told.detail || told.title);
  if (typeof words === "string" && words) return words;
  return `The server answered with status ${status}.`;
}

// Ask the server. 401 asks the user for the token, other refusals are thrown with the server's own words.
export async function call(path, {method = "GET", body, signal} = {}) {
  for (let tries = 0; ; tries++) {
    const before = entries, headers = body === undefined ? {} : {"Content-Type": "application/json"};
    let answer;
    try {
      const text = body === undefined ? undefined : JSON.stringify(body);
      answer = await fetch(address(path), {method, headers, body: text, signal, cache: "no-store"});
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal("The server does not answer. Is it still running?");
    }
    if (answer.ok) return answer;
    if (answer.status !== 401 || !door || tries >= TRIES) {
      throw new Refusal(wordsOf(answer.status, await answer.text(), answer.headers.get("Content-Type") || ""), answer.status);
    }
    if (before === entries) await (asking ??= enter().finally(() => { asking = null; }));
  }
}

export const json = async (path, options) => (await call(path, options)).json();

// The lines of an answer of JSON lines, in the batches in which they arrive.
export async function* lines(path, signal) {
  const answer = await call(path, {signal});
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const {value, done} = await reader.read();
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    if (parts.length) yield parts.filter(Boolean).map(line => JSON.parse(line));
  }
  if (rest.trim()) yield [JSON.parse(rest)];
}

// Send a file as it is; `progress` is told the share that has gone out.
export function upload(path, file, progress, signal) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("POST", address(path));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", event => { if (event.lengthComputable) progress(event.loaded / event.total); });
    request.addEventListener("load", () => {
      if (request.status < 300) return done(JSON.parse(request.responseText));
      fail(new Refusal(wordsOf(request.status, request.responseText, request.getResponseHeader("Content-Type") || ""), request.status));
    });
    request.addEventListener("error", () => fail(new Refusal("The connection broke while the video was sent. Is it readable, and is the server running?")));
    request.addEventListener("abort", () => fail(new DOMException("given up", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
