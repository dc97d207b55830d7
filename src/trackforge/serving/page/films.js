// Videos: sent to the server one after another, followed while they are tracked, shown, and their results offered.

import {look, offerClasses, onLook} from "./look.js";
import {$, alert, bytes, element, plain, say, seldom, wait} from "./parts.js";
import {Player} from "./player.js";
import {address, call, json, lines, upload} from "./server.js";
import {Steps} from "./steps.js";
import {TrackTable} from "./tracks.js";

const MINE = "trackforge-films", WHOLE = 20; // characters that an id has at least, where it is not cut
const FINAL = ["done", "failed", "cancelled"], TRIES = 6, WINDOW = 3000;

const placeOf = (film, kind) => `v1/films/${film.id}/results.${kind}`;

// The address of a result, once it is there; `tell` hears how far the server has come.
async function ready(film, kind, tell) {
  const {signal} = film.stop;
  while ((await call(`${placeOf(film, kind)}?wait=0`, {method: "HEAD", signal})).status === 202) {
    const {results, frames} = await json(`v1/films/${film.id}`, {signal});
    tell(`Being written: ${results[kind].frames} of ${frames} frames`);
    await wait(500);
  }
  return address(placeOf(film, kind)).href;
}

export class Films {
  constructor(facts) {
    this.facts = facts; // of the server, or null
    this.player = new Player();
    this.table = new TrackTable(this.player);
    this.films = [];
    this.shown = null;
    this.sending = Promise.resolve();
    this.player.onchange = () => this.tell();
    this.later = seldom(() => this.tell(), 250);
    onLook(() => this.later());
    this.listen();
  }
  listen() {
    for (const name of ["choose", "more"]) $(name).addEventListener("click", () => $("file").click());
    $("file").addEventListener("change", () => { this.take($("file").files); $("file").value = ""; });
    for (const link of document.querySelectorAll("[data-result]")) {
      link.addEventListener("click", event => { event.preventDefault(); this.save(link); });
    }
    let inside = 0;
    const files = event => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
    const mark = by => { inside = Math.max(0, inside + by); document.body.classList.toggle("dropping", inside > 0); };
    addEventListener("dragenter", event => { if (files(event)) { event.preventDefault(); mark(1); } });
    addEventListener("dragleave", event => { if (files(event)) mark(-1); });
    addEventListener("dragover", event => { if (files(event)) event.preventDefault(); });
    addEventListener("drop", event => {
      if (!files(event)) return;
      event.preventDefault();
      mark(-Infinity);
      location.hash = "video";
      this.take(event.dataTransfer.files);
    });
  }

  // Films that the server has already, say after this page was loaded again. Where anybody may ask, the list names none
  // in full, so this tab remembers its own.
  async known() {
    const listed = (await json("v1/films")).films, ids = new Set(listed.map(facts => facts.id).filter(id => id.length >= WHOLE));
    for (const id of JSON.parse(sessionStorage.getItem(MINE) || "[]")) ids.add(id);
    for (const id of ids) {
      const facts = await json(`v1/films/${id}`).catch(() => null);
      if (!facts) continue;
      const film = this.make(facts.name || "video");
      film.id = id;
      this.update(film, facts);
    }
    if (this.films.length) this.show(this.films[this.films.length - 1]);
  }
  make(name) {
    const film = {name, file: null, url: null, id: null, state: "waiting", sent: 0, done: 0, total: null, words: "", steps: new Steps(), drawn: false, unplayable: false, speed: 0, stop: new AbortController()};
    this.films.push(film);
    return film;
  }
  take(files) {
    let first = true;
    for (const file of files) {
      const limit = this.facts.limits?.max_film;
      if (limit && file.size > limit) { alert(`${file.name} has ${bytes(file.size)}; this server takes ${bytes(limit)} at most.`); continue; }
      if (!file.size) { alert(`${file.name} is empty.`); continue; }
      const film = this.make(file.name);
      Object.assign(film, {file, url: URL.createObjectURL(file)});
      if (first) this.show(film);
      first = false;
      this.sending = this.sending.then(() => this.send(film)).catch(error => this.fail(film, error));
    }
  }
  async send(film) {
    if (film.stop.signal.aborted) return;
    film.state = "uploading";
    this.tell();
    await json("v1/films"); // asks for the token before the film is sent, not after
    const facts = await upload(`v1/films?name=${encodeURIComponent(plain(film.name))}`, film.file, share => { film.sent = share; this.later(); }, film.stop.signal);
    film.id = facts.id;
    this.remember();
    this.update(film, facts);
    this.follow(film).catch(error => this.fail(film, error));
  }
  remember() { sessionStorage.setItem(MINE, JSON.stringify(this.films.map(film => film.id).filter(Boolean))); }
  update(film, facts) {
    film.state = facts.state;
    film.done = facts.frames ?? film.done;
    film.total = facts.total ?? film.total;
    film.steps.rate = facts.rate ?? film.steps.rate;
    film.words = facts.why || facts.lack || "";
  }
  fail(film, error) {
    if (error.name === "AbortError") return;
    film.state = "failed";
    film.words = error.message;
    alert(`${film.name}: ${error.message}`);
    this.changed(film);
  }

  // Take the steps of a film as they come; a stream that breaks off is begun again.
  async follow(film) {
    if (film.following) return;
    film.following = true;
    for (let tries = 0; ;) {
      try {
        for await (const batch of lines(`v1/films/${film.id}/steps`, film.stop.signal)) {
          for (const line of batch) if (Array.isArray(line.tracks)) film.steps.add(line);
          tries = 0;
          if (film.state !== "tracking" || film.total === null) this.learn(film);
          film.done = Math.max(film.done, film.steps.count);
          this.measure(film);
          this.changed(film);
        }
        this.update(film, await json(`v1/films/${film.id}`, {signal: film.stop.signal}));
      } catch (error) {
        if (error.name === "AbortError" || [404, 410].includes(error.status) || ++tries > TRIES) throw error;
      }
      if (FINAL.includes(film.state)) break;
      await wait(300 * (tries + 1));
    }
    if (film.state === "failed") alert(`${film.name}: ${film.words || "the server could not track it."}`);
    this.changed(film);
  }
  // Ask for what the server knows of a film: once it has begun, its length among it.
  learn(film) {
    if (FINAL.includes(film.state) || film.learnt) return;
    film.learnt = true;
    json(`v1/films/${film.id}`).then(facts => { if (!FINAL.includes(film.state)) { this.update(film, facts); this.changed(film); } }).catch(() => {});
  }
  // Seconds of film that are tracked in a second, over the last few.
  measure(film) {
    const now = performance.now(), marks = film.marks ??= [];
    marks.push([now, film.steps.end]);
    while (marks.length > 2 && now - marks[0][0] > WINDOW) marks.shift();
    if (now - marks[0][0] > 500) film.speed = 1000 * (film.steps.end - marks[0][1]) / (now - marks[0][0]);
  }
  changed(film) {
    if (film === this.shown) {
      this.swap(film);
      this.player.more();
    }
    this.later();
  }
  // Where the browser has no picture of the film, take the one that the server draws.
  async swap(film) {
    if (film.state !== "done" || film.swapped || !(film.unplayable || !film.url)) return;
    film.swapped = true;
    try {
      const url = await ready(film, "mp4", words => { film.making = words; this.player.tell(); });
      Object.assign(film, {url, drawn: true, unplayable: false, making: ""});
      if (film === this.player.film) { this.player.load(); this.tell(); }
    } catch (error) {
      if (error.name !== "AbortError") alert(`${film.name}: ${error.message}`);
    }
  }
  // Save a result; what is made on demand is waited for.
  async save(link) {
    const film = this.shown, kind = link.dataset.result;
    if (link.dataset.busy) return;
    link.dataset.busy = "1";
    try {
      const url = await ready(film, kind, words => say($("told"), words));
      element("a", {href: url, download: `${film.name.replace(/\.[^.]*$/, "") || "film"}.${kind}`}).click();
    } catch (error) {
      if (error.name !== "AbortError") alert(error.message);
    } finally {
      delete link.dataset.busy;
      this.tell();
    }
  }

  show(film) {
    this.shown = film;
    this.swap(film);
    this.player.open(film);
    if (film.id) this.follow(film).catch(error => this.fail(film, error));
    this.tell();
  }
  async remove(film) {
    film.stop.abort();
    this.films = this.films.filter(one => one !== film);
    this.remember();
    if (film.file) URL.revokeObjectURL(film.url);
    if (film === this.shown) {
      this.shown = null;
      this.player.pause();
      if (this.films.length) this.show(this.films[this.films.length - 1]);
    }
    this.tell();
    if (film.id) await call(`v1/films/${film.id}`, {method: "DELETE"}).catch(error => { if (error.status !== 404) alert(error.message); });
  }

  tell() {
    const film = this.shown;
    $("drop").hidden = this.films.length > 0;
    $("screen").hidden = !film;
    $("another").hidden = !this.films.length;
    if (!$("video").hidden) $("side").hidden = !film;
    this.tellShelf();
    this.tellSide();
  }
  tellSide() {
    const film = this.shown, here = film && !$("video").hidden;
    $("tracks").hidden = !here || !film.steps.count;
    $("results").hidden = !here || film.state !== "done";
    $("fixed").hidden = true;
    if (!here) return;
    this.swap(film);
    $("fixed").hidden = !film.drawn;
    offerClasses([...film.steps.names].sort());
    this.table.show(film);
    if (film.state !== "done") return;
    if (!document.querySelector("[data-busy]")) say($("told"), `${film.name}: ${film.steps.count} frames, ${film.steps.ids.size} tracks`);
    for (const link of document.querySelectorAll("[data-result]")) link.href = address(placeOf(film, link.dataset.result)).href;
  }
  tellShelf() {
    const shelf = $("shelf"), kept = new Set(this.films.map(film => film.row));
    for (const row of [...shelf.children]) if (!kept.has(row)) row.remove();
    for (const film of this.films) {
      if (!film.row) shelf.append(this.row(film));
      const [, words, bar] = film.row.querySelectorAll("button.name, .state, progress"), share = this.share(film);
      say(words, this.words(film));
      bar.hidden = share === null || film.state === "done";
      bar.value = share ?? 0;
      film.row.classList.toggle("current", film === this.shown);
      film.row.classList.toggle("failed", film.state === "failed");
      film.row.querySelector(".name").setAttribute("aria-pressed", String(film === this.shown));
    }
  }
  row(film) {
    const name = element("button", {type: "button", class: "name plain", onclick: () => this.show(film)}, film.name);
    const away = element("button", {type: "button", class: "plain", "aria-label": `Remove ${film.name}`, title: "Remove", onclick: () => this.remove(film)}, "✕");
    const bar = element("progress", {max: 1, value: 0, "aria-label": `Progress of ${film.name}`});
    return film.row = element("li", {}, name, element("span", {class: "state faint"}), bar, away);
  }
  share(film) {
    if (film.state === "uploading") return film.sent;
    return film.total ? Math.min(1, film.done / film.total) : null;
  }
  words(film) {
    const frames = film.total ? `${film.done} of ${film.total} frames` : `${film.done} frames`;
    const rate = film.speed && film.steps.count > 1 ? `, ${Math.round(film.speed / film.steps.interval)} a second` : "";
    switch (film.state) {
      case "receiving": case "waiting": return film.words || (film.id ? "waits for its turn" : "waits to be sent");
      case "uploading": return film.sent < 1 ? `sending, ${Math.round(100 * film.sent)} % of ${bytes(film.file.size)}` : "sent, the server opens it";
      case "done": return `${film.done} frames tracked${film.words ? `. ${film.words}` : ""}`;
      case "failed": return film.words || "failed";
      case "cancelled": return `cancelled after ${film.done} frames`;
      default: return `tracking, ${frames}${rate}`;
    }
  }
}
