// Videos: sent to the server one after another, followed while they are tracked, shown, and their results offered.

import {Film} from "./film.js";
import {offerClasses, onLook} from "./look.js";
import {$, alert, bytes, element, say, seldom} from "./parts.js";
import {Player} from "./player.js";
import {json} from "./server.js";
import {TrackTable} from "./tracks.js";

const MINE = "trackforge-films", WHOLE = 20; // characters that an id has at least, where it is not cut

export class Films {
  constructor(facts) {
    this.facts = facts; // of the server
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
      this.make(facts.name || "video").update(facts);
    }
    if (this.films.length) this.show(this.films[this.films.length - 1]);
  }
  make(name, file) {
    const film = new Film(name, () => this.changed(film), file);
    this.films.push(film);
    return film;
  }
  take(files) {
    let first = true;
    for (const file of files) {
      const limit = this.facts.limits?.max_film;
      if (limit && file.size > limit) { alert(`${file.name} has ${bytes(file.size)}; this server takes ${bytes(limit)} at most.`); continue; }
      if (!file.size) { alert(`${file.name} is empty.`); continue; }
      const film = this.make(file.name, file);
      if (first) this.show(film);
      first = false;
      this.sending = this.sending.then(() => this.send(film)).catch(error => this.fail(film, error));
    }
  }
  async send(film) {
    if (film.stop.signal.aborted) return;
    await film.send();
    this.remember();
    this.follow(film);
  }
  async follow(film) {
    try {
      if (await film.follow() && film.state === "failed") alert(`${film.name}: ${film.why || "the server could not track it."}`);
    } catch (error) {
      this.fail(film, error);
    }
  }
  remember() { sessionStorage.setItem(MINE, JSON.stringify(this.films.map(film => film.id).filter(Boolean))); }
  fail(film, error) {
    if (error.name === "AbortError") return;
    film.state = "failed";
    film.why = error.message;
    alert(`${film.name}: ${error.message}`);
    this.changed(film);
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
      const url = await film.result("mp4", words => { film.making = words; this.player.tell(); });
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
      const url = await film.result(kind, words => say($("told"), words));
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
    if (film.id) this.follow(film);
    this.tell();
  }
  async remove(film) {
    this.films = this.films.filter(one => one !== film);
    this.remember();
    if (film === this.shown) {
      this.shown = null;
      this.player.pause();
      if (this.films.length) this.show(this.films[this.films.length - 1]);
    }
    this.tell();
    await film.remove().catch(error => alert(error.message));
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
    for (const link of document.querySelectorAll("[data-result]")) link.href = film.place(link.dataset.result);
  }
  tellShelf() {
    const shelf = $("shelf"), kept = new Set(this.films.map(film => film.row));
    for (const row of [...shelf.children]) if (!kept.has(row)) row.remove();
    for (const film of this.films) {
      if (!film.row) shelf.append(this.row(film));
      const [, words, bar] = film.row.querySelectorAll("button.name, .state, progress"), {share} = film;
      say(words, film.words);
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
}
