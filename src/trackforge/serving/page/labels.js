// The view in which people check labels: sequences, the frame with its boxes, the tracks, and what can be done to them.

import {Board} from "./labels-canvas.js";
import {Labels} from "./labels-document.js";
import {Pictures} from "./labels-pictures.js";
import {Saving} from "./labels-saving.js";
import {Panel, Shelf} from "./labels-panels.js";
import {Timeline} from "./labels-timeline.js";
import {$, alert, say, wait} from "./parts.js";
import {json} from "./server.js";

const GLANCE = 5000; // milliseconds between two looks at what others did
const PATIENCE = 200; // milliseconds that a picture may take before the boxes are shown without
const STATES = {saved: "Saved", saving: "Saving …", away: "Not saved yet"};

export class Checking {
  constructor() {
    Object.assign(this, {labels: null, place: 0, chosen: null, second: null, joining: null, playing: false, on: false, shown: 0});
    this.pictures = new Pictures();
    this.board = new Board($("desk-picture"), {
      choose: (id, more) => this.pick(id, more),
      move: (id, xyxy) => { if (this.current) this.edit({action: "set_box", track: id, frame: this.frame, xyxy}); },
      draw: xyxy => { if (this.current) this.drawn(xyxy); },
    });
    this.line = new Timeline($("desk-line"), place => this.go(place));
    this.panel = new Panel(this);
    this.shelf = new Shelf(name => this.open(name));
    this.saving = new Saving({
      tell: (state, why) => this.tellSaved(state, why),
      changed: labels => { this.shelf.progress(labels); if (labels === this.labels) this.draw(); },
      refused: (error, labels, outdated) => this.refused(error, labels, outdated),
    });
    for (const [id, act] of Object.entries({
      "desk-undo": () => this.step("undo"), "desk-redo": () => this.step("redo"), "desk-help": () => $("desk-keys").showModal(),
      "desk-back": () => this.go(this.place - 1), "desk-on": () => this.go(this.place + 1), "desk-play": () => this.toggle(),
      "desk-accept": () => this.accept(), "desk-next": () => this.nextWanted(), "desk-new": () => this.startDrawing(),
      "desk-in": () => this.board.zoomAt(1.5), "desk-out": () => this.board.zoomAt(1 / 1.5), "desk-fit": () => this.board.fit(),
    })) $(id).addEventListener("click", act);
    $("desk-frame").addEventListener("change", event => this.goFrame(+event.target.value));
  }
  get frame() { return this.labels.frames[this.place]; }
  // Whether the picture with the boxes is that of the frame that keys are about.
  get current() { return this.pictureOf === `${this.labels?.name}#${this.frame}`; }
  get track() { return this.labels?.tracks.get(this.chosen) ?? null; }

  // ---- which sequence
  async show(on) {
    this.on = on;
    if (!on) { this.pause(); return; }
    if (this.looking) return this.follow();
    this.looking = true;
    try {
      await this.look();
      await this.follow();
      while (this.on) {
        await wait(GLANCE);
        await this.look();
        if (!this.labels) await this.follow();
      }
    } finally { this.looking = false; }
  }
  // Go to the sequence and the frame that the address names; where it names none, to what is left to do.
  async follow() {
    const wanted = new URLSearchParams(location.hash.split("?")[1]), frame = Number(wanted.get("frame") ?? NaN), known = this.shelf.names();
    const name = known.includes(wanted.get("name")) ? wanted.get("name") : this.labels?.name ?? this.shelf.unfinished();
    if (name && name !== this.labels?.name) await this.open(name, frame);
    else if (name && frame !== this.frame && this.labels.places.has(frame)) await this.go(this.labels.places.get(frame));
  }
  // See how far everything is, and whether somebody else changed what is open here.
  async look() {
    let told;
    try { told = await json("v1/labels"); } catch (error) { if (!this.saving.waiting) this.tellSaved("away", error.message); return; }
    if (!this.saving.waiting) this.tellSaved("saved");
    $("desk-none").hidden = !told.on || told.documents.length > 0;
    $("desk").hidden = !told.documents.length;
    this.shelf.show(told.documents);
    const {labels} = this, own = told.documents.find(one => one.name === labels?.name);
    if (own?.revision && own.revision !== labels.revision && !this.saving.waiting && !this.board.drag) await this.reload();
  }
  async open(name, frame = NaN) {
    this.pause();
    let labels;
    try { labels = new Labels(await json(`v1/labels/${encodeURIComponent(name)}`)); } catch (error) { alert(error.message); return; }
    Object.assign(this, {labels, chosen: null, second: null, joining: null, place: 0});
    this.board.cancel();
    this.board.choose(null);
    this.shelf.current(name);
    $("desk-frame").max = labels.frames[labels.frames.length - 1];
    const first = labels.places.has(frame) ? frame : labels.next(-1) ?? labels.frames[0];
    this.go(labels.places.get(first) ?? 0);
  }
  // Take the document as it is now; frame and choice stay where they can.
  async reload() {
    const {labels} = this;
    try { labels.take(await json(`v1/labels/${encodeURIComponent(labels.name)}`)); } catch (error) { alert(error.message); return; }
    if (labels === this.labels) this.go(Math.min(this.place, labels.frames.length - 1));
  }

  // ---- which frame
  go(place) {
    if (!this.labels?.frames.length) return;
    this.place = Math.min(this.labels.frames.length - 1, Math.max(0, place));
    history.replaceState(null, "", `#labels?${new URLSearchParams({name: this.labels.name, frame: this.frame})}`);
    this.draw();
    return this.fetch();
  }
  goFrame(frame) {
    const {frames} = this.labels, place = frames.findIndex(one => one >= frame);
    this.go(place < 0 ? frames.length - 1 : place);
  }
  nextWanted() {
    const next = this.labels?.next(this.frame) ?? null;
    if (next === null) return this.note("Everything that was asked for is accepted.");
    this.go(this.labels.places.get(next));
  }
  // Fetch the picture of this frame. Until it is here the frame before stays, boxes and all, but not for long: then the
  // boxes of this one are shown without picture, for keys are about this one.
  async fetch() {
    const {labels, frame, place} = this, turn = ++this.shown, own = `${labels.name}#${frame}`;
    const coming = this.pictures.get(labels, frame).then(picture => ({picture, words: ""}), error => ({picture: null, words: error.message}));
    const soon = await Promise.race([coming, wait(PATIENCE)]);
    if (turn !== this.shown) return;
    if (!soon) {
      Object.assign(this, {picture: null, pictureOf: own});
      this.note("Loading …");
      this.draw();
    }
    const {picture, words} = soon ?? await coming;
    if (turn !== this.shown) return;
    Object.assign(this, {picture, pictureOf: own});
    this.note(words);
    this.draw();
    this.pictures.ahead(labels, place, () => turn === this.shown);
  }
  toggle() { if (this.playing) this.pause(); else this.play(); }
  pause() {
    this.playing = false;
    say($("desk-play"), "▶");
    $("desk-play").setAttribute("aria-label", "Play");
  }
  async play() {
    if (!this.labels) return;
    this.playing = true;
    say($("desk-play"), "❚❚");
    $("desk-play").setAttribute("aria-label", "Pause");
    while (this.playing && this.place < this.labels.frames.length - 1) {
      await Promise.all([this.go(this.place + 1), wait(1000 / this.labels.rate)]);
    }
    this.pause();
  }

  // ---- which track
  pick(id, more = false) {
    if (this.joining !== null && id !== null && id !== this.joining) { this.second = id; return this.merge(); }
    if (more && this.chosen !== null && id !== this.chosen) this.second = this.second === id ? null : id;
    else { this.chosen = id; this.second = null; }
    this.joining = null;
    this.draw();
    const box = this.track && this.labels.box(this.track, this.frame);
    if (box) this.board.reveal(box.xyxy);
  }
  cycle(by) {
    const ids = this.labels.boxes(this.frame).map(([track]) => track.id);
    if (ids.length) this.pick(ids[(ids.indexOf(this.chosen) + by + ids.length + (this.chosen === null && by < 0)) % ids.length]);
  }

  // ---- what is done
  edit(edit) { const made = this.saving.send(this.labels, "edits", edit); this.draw(); return made; }
  step(path) {
    if (this.labels && (this.labels[path] || this.saving.waiting)) return this.saving.send(this.labels, path);
    this.note(path === "undo" ? "There is nothing to undo." : "There is nothing to do again.");
  }
  // Do something to the chosen track on this frame.
  act(action, more = {}) {
    if (!this.track) return this.note("Choose a track first: click its box, or press [ or ].");
    return this.edit({action, track: this.chosen, frame: this.frame, ...more});
  }
  accept() {
    if (!this.labels) return;
    return this.edit({action: this.labels.checked.has(this.frame) ? "reopen" : "accept", frames: [this.frame]});
  }
  // Accept from the frame after the last accepted one before this, up to this.
  acceptUpTo() {
    const {labels, frame} = this, before = labels.frames.filter(one => one < frame && labels.checked.has(one)).pop();
    return this.edit({action: "accept", first: before === undefined ? labels.frames[0] : before + 1, last: frame});
  }
  keyframe() {
    const box = this.track && this.labels.box(this.track, this.frame), there = this.track?.keyframes.some(key => key.frame === this.frame);
    this.act(there && (!box || box.origin === "person" || box.keyframe) ? "delete_keyframe" : "put_keyframe");
  }
  async split() {
    const before = new Set(this.labels.tracks.keys());
    if (await this.act("split")) this.pick([...this.labels.tracks.keys()].find(id => !before.has(id)) ?? null);
  }
  async merge() {
    const {chosen, second} = this;
    if (chosen === null) return this.act("merge");
    if (second === null) { this.joining = chosen; return this.note(`Click the track that is the same object as ${chosen}. Esc gives up.`); }
    this.joining = null;
    this.note("");
    if (await this.edit({action: "merge", track: chosen, other: second})) this.pick(chosen);
    else { this.second = null; this.draw(); }
  }
  rename(label) {
    const track = this.track;
    if (!track) return this.act("rename");
    if (label < this.labels.classes.length && track.label !== label) this.edit({action: "rename", track: track.id, label});
  }
  async addClass(name) {
    const {labels} = this;
    if (await this.edit({action: "add_class", name})) this.rename(labels.classes.length - 1);
  }
  renameClass(name) { return this.edit({action: "rename_class", label: this.track.label, name}); }
  remove(whole) {
    if (!whole) return this.act("delete_box");
    if (!this.track) return this.act("delete_track");
    return this.edit({action: "delete_track", track: this.chosen});
  }
  outside() { if (this.track) return this.act("set_outside", {outside: !!this.labels.box(this.track, this.frame)}); this.act("set_outside"); }
  startDrawing() {
    if (!this.labels) return;
    this.pause();
    this.board.draw(true);
    this.note(this.track && !this.labels.box(this.track, this.frame) ? `Draw where track ${this.chosen} is here. Esc gives up.` : "Draw a new object. Esc gives up.");
  }
  // A box was drawn: the chosen track's where it has none here, else a new object of the class of the chosen one.
  async drawn(xyxy) {
    this.board.draw(false);
    this.note("");
    const {track, frame} = this;
    if (track && !this.labels.box(track, frame)) return this.edit({action: "set_box", track: track.id, frame, xyxy});
    const before = new Set(this.labels.tracks.keys());
    if (await this.edit({action: "add_track", frame, xyxy, label: track?.label ?? 0})) {
      this.pick([...this.labels.tracks.keys()].find(id => !before.has(id)) ?? null);
    }
  }
  nudge(dx, dy) {
    const box = this.track && this.labels.box(this.track, this.frame);
    if (box) this.act("set_box", {xyxy: box.xyxy.map((v, k) => Math.round((v + (k % 2 ? dy : dx)) * 100) / 100)});
  }
  giveUp() {
    this.note("");
    if (this.board.cancel()) return;
    if (this.joining !== null) { this.joining = null; return; }
    this.pick(null);
  }

  // ---- what is told
  note(words) { say($("desk-note"), words); }
  tellSaved(state, why = "") {
    const where = $("desk-saved");
    where.dataset.state = state;
    say(where, state === "away" ? `${STATES.away}: ${why} Trying again …` : STATES[state]);
  }
  async refused(error, labels, outdated) {
    if (!outdated) { this.note(error.message); alert(error.message); this.draw(); return; }
    alert(error.message);
    if (labels === this.labels) await this.reload();
    else labels.take(await json(`v1/labels/${encodeURIComponent(labels.name)}`));
  }
  draw() {
    const {labels} = this;
    if (!labels?.frames.length) return;
    if (this.chosen !== null && !labels.tracks.has(this.chosen)) this.chosen = null;
    if (this.second !== null && !labels.tracks.has(this.second)) this.second = null;
    const {frame, place} = this, boxes = labels.boxes(frame).map(([track, box]) => [{id: track.id, name: labels.labelOf(track)}, box]);
    if (this.current) this.board.show({picture: this.picture, boxes, size: labels.size, frame});
    this.board.choose(this.chosen, this.second);
    this.line.show(labels, place, this.chosen);
    this.panel.show(labels, frame, place);
  }

  // ---- keys; gives whether the key was meant for this view
  key(event) {
    const {key, shiftKey, altKey} = event, by = shiftKey ? 10 : 1;
    if (!this.labels) return false;
    if (altKey) {
      const [dx, dy] = {ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by]}[key] ?? [0, 0];
      if (dx || dy) this.nudge(dx, dy);
      return !!(dx || dy);
    }
    if (/^[1-9]$/.test(key)) { this.rename(key - 1); return true; }
    const keys = {
      " ": () => this.toggle(), ArrowLeft: () => this.go(this.place - by), ArrowRight: () => this.go(this.place + by),
      Home: () => this.go(0), End: () => this.go(Infinity), "[": () => this.cycle(-1), "]": () => this.cycle(1),
      a: () => this.accept(), A: () => this.acceptUpTo(), n: () => this.nextWanted(), k: () => this.keyframe(), d: () => this.startDrawing(),
      s: () => this.split(), m: () => this.merge(), b: () => this.act("begin"), e: () => this.act("finish"), o: () => this.outside(),
      Delete: () => this.remove(shiftKey), Backspace: () => this.remove(shiftKey), r: () => this.panel.askClass(),
      z: () => this.step("undo"), Z: () => this.step("redo"), "?": () => $("desk-keys").showModal(), Escape: () => this.giveUp(),
      "+": () => this.board.zoomAt(1.5), "-": () => this.board.zoomAt(1 / 1.5), 0: () => this.board.fit(),
    };
    if (!keys[key]) return false;
    if (this.playing && key !== " ") this.pause();
    keys[key]();
    return true;
  }
}
