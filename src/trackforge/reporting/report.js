"use strict";
// The page itself: which sequence is shown, where in it one is, and what is drawn.

const report = JSON.parse(document.getElementById("report").textContent);
const $ = name => document.getElementById(name);
const MOST_BOXES_OF_CLASSES = 12;

// One sequence with a panel for each run, all at the same frame.
class Scene {
  constructor(given, index) {
    this.given = given;
    this.root = document.querySelector(`[data-scene="${index}"]`);
    this.axis = new Numbers(given.numbers);
    this.rate = given.rate;
    const films = [];
    this.panels = given.runs.map((run, which) => {
      films.push(run.film ? ("same" in run.film ? films[run.film.same] : new Film(run.film)) : null);
      return new Panel(this.root.querySelectorAll(".panel canvas")[which], run, given.size, films[which]);
    });
    this.films = [...new Set(films.filter(Boolean))];
    this.lead = this.films[0] || null;
    this.place = 0;
    this.playing = false;
    this.clip = null;
    this.tracks = null;
    this.objects = null;
    this.strip = new Strip(this.root.querySelector(".track-strip canvas"), this.axis, place => { this.clip = null; this.go(place); });
    this.strip.marks = given.marks.map(([kind, first, last]) => ({kind, from: this.axis.floor(first), to: this.axis.floor(last)}));
    this.lines = this.panels.map((panel, which) => new Timeline(
      document.querySelectorAll(`.two-lines[data-of="${index}"] .timeline`)[which], panel, this.axis, (place, id) => { this.clip = null; this.choose(id, which); this.go(place); }));
    this.panels.forEach((panel, which) => panel.canvas.addEventListener("click", event => {
      const rect = panel.canvas.getBoundingClientRect();
      const id = panel.hit((event.clientX - rect.left) / rect.width, (event.clientY - rect.top) / rect.height);
      if (id >= 0) { this.choose(id, which); this.draw(); } else this.toggle();
    }));
    for (const film of this.films) film.video.addEventListener("loadeddata", () => { if (!this.playing) this.go(this.place); }, {once: true});
  }
  choose(id, which) {
    this.tracks = id === null || id === undefined ? null : this.panels.map((_, i) => i === which ? new Set([id]) : null);
    this.objects = null;
  }
  look(which) {
    return {...settings, tracks: this.tracks && this.tracks[which], objects: this.objects};
  }
  draw() {
    const number = this.axis.get(this.place);
    this.panels.forEach((panel, which) => panel.draw(number, this.look(which)));
    this.lines.forEach((line, which) => line.draw(this.place, this.tracks && this.tracks[which]));
    this.strip.draw(this.place);
    const seconds = number / this.rate;
    $("clock").textContent = `frame ${number} · ${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;
    if (document.activeElement !== $("frame")) $("frame").value = number;
    this.root.dataset.number = number;
  }
  // Show a place of the axis; boxes are drawn when every picture is there.
  go(place) {
    this.place = Math.max(0, Math.min(this.axis.count - 1, place));
    const number = this.axis.get(this.place), films = this.films.filter(film => film.numbers.at(number) >= 0);
    let waiting = films.length;
    if (!waiting) return this.draw();
    const asked = this.asked = {};
    this.root.dataset.waiting = "1";
    for (const film of films) film.seek(film.numbers.at(number), () => {
      if (--waiting || this.asked !== asked) return;
      delete this.root.dataset.waiting;
      this.draw();
    });
  }
  step(by) { this.stop(); this.go(this.place + by); }
  toggle() { if (this.playing) this.stop(); else this.play(); }
  play() {
    const [from, to] = this.clip || [0, this.axis.count - 1];
    if (this.place >= to || this.place < from) this.place = from;
    this.playing = true;
    $("play").textContent = "❚❚";
    this.begin();
  }
  // Let the film run where there is one of this frame; a clock goes on where there is none.
  begin() {
    const film = this.lead, number = this.axis.get(this.place), token = this.token = {};
    const inFilm = film && !film.failed && film.numbers.at(number) >= 0;
    if (!inFilm) return this.byClock(token, performance.now(), this.place);
    let ready = 0;
    const playable = this.films.filter(one => one.numbers.at(number) >= 0);
    for (const one of playable) one.seek(one.numbers.at(number), () => {
      if (++ready < playable.length || this.token !== token) return;
      for (const other of playable) { other.video.playbackRate = settings.speed; other.video.play().catch(() => { other.failed = true; }); }
      this.byFilm(token);
    });
  }
  byFilm(token) {
    const film = this.lead, video = film.video;
    const shown = (now, facts) => {
      if (this.token !== token || !this.playing) return;
      const number = film.numbers.get(film.frameAt(facts ? facts.mediaTime : video.currentTime));
      this.place = this.axis.floor(number);
      this.follow(number);
      this.draw();
      if (video.ended) { this.beyond(token); return; }
      if (!this.over()) again();
    };
    const again = () => video.requestVideoFrameCallback ? video.requestVideoFrameCallback(shown) : requestAnimationFrame(() => shown());
    video.onended = () => this.beyond(token);
    again();
  }
  // The film is over: go on without it where the run did, else stop.
  beyond(token) {
    if (this.token !== token || !this.playing) return;
    this.place = this.axis.floor(this.lead.numbers.get(this.lead.numbers.count - 1));
    this.draw();
    if (this.over()) return;
    this.place++;
    this.byClock(this.token = {}, performance.now(), this.place);
  }
  // Other films are set right where they have drifted.
  follow(number) {
    for (const film of this.films.slice(1)) {
      const wanted = film.numbers.at(number);
      if (wanted < 0 || film.video.seeking) continue;
      if (Math.abs(film.now - wanted) > Math.max(1, film.rate / 8)) film.video.currentTime = (wanted + 0.5) / film.rate;
    }
  }
  byClock(token, since, from) {
    requestAnimationFrame(now => {
      if (this.token !== token || !this.playing) return;
      const place = Math.min(this.axis.count - 1, from + Math.floor((now - since) / 1000 * this.rate * settings.speed));
      if (place !== this.place) { this.place = place; this.draw(); }
      if (!this.over()) this.byClock(token, since, from);
    });
  }
  over() {
    const end = this.clip ? this.clip[1] : this.axis.count - 1;
    if (this.place < end) return false;
    if (this.clip && settings.loop) { this.pause(); this.place = this.clip[0]; this.begin(); return true; }
    this.stop();
    return true;
  }
  pause() { for (const film of this.films) film.video.pause(); }
  stop() {
    if (!this.playing) return;
    this.playing = false;
    this.token = null;
    this.pause();
    $("play").textContent = "▶";
    this.go(this.place);
  }
  speed() { for (const film of this.films) film.video.playbackRate = settings.speed; if (this.playing) { this.pause(); this.begin(); } }
  arrange() {
    for (const line of this.lines) line.arrange($("order").value, settings, Math.max(1, +$("least").value || 1));
  }
}

const settings = {picture: true, speed: 1, trail: 40, loop: false, ids: null, labels: null};
const switches = ["boxes", "names", "trails", "classes", "scores", "truth", "picture", "loop"];
const scenes = new Map();
let scene = null;

function readSwitches() {
  for (const name of switches) settings[name] = $(name) ? $(name).checked : false;
  settings.ids = idFilter($("ids").value);
  const boxes = [...document.querySelectorAll("#labels input")], chosen = boxes.filter(box => box.checked);
  settings.labels = boxes.length && chosen.length < boxes.length ? new Set(chosen.flatMap(box => box.value.split(",").map(Number))) : null;
}

function redraw() {
  readSwitches();
  scene.arrange();
  scene.draw();
}

function show(index) {
  if (scene) scene.stop();
  document.querySelectorAll("[data-scene], [data-of]").forEach(part =>
    part.classList.toggle("hidden", +(part.dataset.scene ?? part.dataset.of) !== index));
  if (!scenes.has(index)) scenes.set(index, new Scene(report.sequences[index], index));
  scene = scenes.get(index);
  if ($("sequence")) $("sequence").value = String(index);
  fillLabels();
  $("frame").max = scene.axis.get(scene.axis.count - 1);
  for (const panel of scene.panels) panel.fit();
  readSwitches();
  scene.arrange();
  scene.go(scene.place);
}

// A box to tick for each class; where there are very many, those that are most often there.
function fillLabels() {
  const counts = new Map();
  for (const panel of scene.panels) for (const label of panel.boxes.label) {
    const name = panel.labelName(label);
    if (!counts.has(name)) counts.set(name, [0, new Set()]);
    counts.get(name)[0]++;
    counts.get(name)[1].add(label);
  }
  const host = $("labels");
  host.replaceChildren();
  const sorted = [...counts].sort((a, b) => b[1][0] - a[1][0]), most = sorted.slice(0, MOST_BOXES_OF_CLASSES - 1);
  const rest = sorted.slice(MOST_BOXES_OF_CLASSES - 1);
  const offered = most.map(([name, [, labels]]) => [name, [...labels]]);
  if (rest.length) offered.push([`${rest.length} others`, rest.flatMap(([, [, labels]]) => [...labels])]);
  host.parentElement.classList.toggle("hidden", offered.length < 2);
  if (offered.length < 2) return;
  for (const [name, labels] of offered) {
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.checked = true;
    box.value = labels.join(",");
    box.addEventListener("change", redraw);
    label.append(box, name);
    host.append(label);
  }
}

function showMoment(card) {
  const data = card.dataset, index = +data.scene_;
  show(index);
  scene.stop();
  document.querySelectorAll(".moment.current").forEach(other => other.classList.remove("current"));
  card.classList.add("current");
  if ($("truth")) $("truth").checked = true;
  readSwitches();
  const tracks = [data.track, data.before].filter(id => id !== "-1").map(Number);
  scene.tracks = scene.panels.map((_, which) => which === +data.run ? new Set(tracks) : null);
  scene.objects = data.truth === "-1" ? null : new Set([+data.truth]);
  const lead = Math.round(scene.rate);
  scene.clip = [scene.axis.floor(+data.first - lead), scene.axis.floor(+data.last + lead)];
  scene.go(scene.axis.floor(+data.at));
  document.querySelector(`[data-scene="${index}"]`).scrollIntoView({block: "nearest"});
}

function nextMoment(by) {
  const cards = [...document.querySelectorAll(".moment")].filter(card => card.offsetParent);
  if (!cards.length) return;
  const now = cards.findIndex(card => card.classList.contains("current"));
  showMoment(cards[(now + by + cards.length) % cards.length]);
}

for (const name of switches) if ($(name)) $(name).addEventListener("change", redraw);
for (const name of ["ids", "least", "order"]) $(name).addEventListener("input", redraw);
$("speed").addEventListener("change", () => { settings.speed = +$("speed").value; scene.speed(); });
$("frame").addEventListener("change", () => { scene.stop(); scene.clip = null; scene.go(scene.axis.floor(+$("frame").value || 0)); });
$("play").addEventListener("click", () => scene.toggle());
for (const button of document.querySelectorAll("[data-step]")) button.addEventListener("click", () => scene.step(+button.dataset.step));
for (const card of document.querySelectorAll(".moment")) card.addEventListener("click", () => showMoment(card));
if ($("sequence")) $("sequence").addEventListener("change", () => show(+$("sequence").value));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => scene.draw());

const speeds = [...$("speed").options].map(option => option.value);
const keys = {
  " ": () => scene.toggle(),
  "ArrowRight": event => scene.step(event.shiftKey ? 10 : 1),
  "ArrowLeft": event => scene.step(event.shiftKey ? -10 : -1),
  ".": () => scene.step(1), ",": () => scene.step(-1),
  "Home": () => { scene.clip = null; scene.step(-Infinity); },
  "End": () => { scene.clip = null; scene.step(Infinity); },
  "+": () => changeSpeed(1), "-": () => changeSpeed(-1),
  "n": () => nextMoment(1), "p": () => nextMoment(-1),
  "i": () => flip("names"), "t": () => flip("trails"), "b": () => flip("boxes"), "g": () => flip("truth"), "l": () => flip("loop"),
  "Escape": () => { scene.choose(null); scene.clip = null; scene.draw(); },
};
function flip(name) { if ($(name)) { $(name).checked = !$(name).checked; redraw(); } }
function changeSpeed(by) {
  const at = speeds.indexOf($("speed").value) + by;
  if (at >= 0 && at < speeds.length) { $("speed").value = speeds[at]; $("speed").dispatchEvent(new Event("change")); }
}
// Who clicks with a mouse means the film by the space bar again; who came by the tab key keeps the focus.
document.addEventListener("click", event => { if (event.detail && event.target.matches("button, input[type=checkbox]")) event.target.blur(); });
document.addEventListener("keydown", event => {
  const target = event.target, typing = target.matches("input:not([type=checkbox]), select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " " && target.matches("button, input, summary")) return;
  const action = keys[event.key];
  if (action) { event.preventDefault(); action(event); }
});

show(0);
