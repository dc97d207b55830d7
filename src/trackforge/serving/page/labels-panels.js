// Beside the picture: the sequences with how far they are, the chosen track and what can be done to it, all tracks.

import {colourOf} from "./ids.js";
import {$, element, say} from "./parts.js";

const MOST_ROWS = 400;

// The sequences; a click opens one.
export class Shelf {
  constructor(open) { this.open = open; this.documents = []; this.now = null; }
  names() { return this.documents.filter(one => !one.problem).map(one => one.name); }
  // The first that still has something to be looked at, or the first at all.
  unfinished() {
    const whole = this.documents.filter(one => !one.problem);
    return (whole.find(one => one.checked < one.wanted) ?? whole[0])?.name ?? null;
  }
  // Tell of what was changed here, before the server is asked again.
  progress(labels) {
    const counts = {checked: labels.done, wanted: labels.asked.length, revision: labels.revision};
    this.show(this.documents.map(one => one.name === labels.name ? {...one, ...counts} : one));
  }
  current(name) { this.now = name; this.show(this.documents); }
  show(documents, name = this.now) {
    const told = JSON.stringify([documents, name]);
    this.documents = documents;
    if (told === this.told) return;
    this.told = told;
    const focus = document.activeElement?.dataset?.name;
    $("desk-shelf").replaceChildren(...documents.map(one => {
      const button = element("button", {type: "button", class: "plain name", onclick: () => this.open(one.name), disabled: !!one.problem, "data-name": one.name}, one.name);
      if (one.name === name) button.setAttribute("aria-current", "true");
      const how = one.problem ? element("span", {class: "state"}, one.problem)
        : element("span", {class: "state"}, `${one.checked} of ${one.wanted}`);
      const bar = element("progress", {max: one.wanted || 1, value: one.checked || 0, "aria-label": `${one.name}: accepted frames`});
      return element("li", {class: `${one.name === name ? "current" : ""} ${one.problem ? "failed" : ""}`}, button, how, ...(one.problem ? [] : [bar]));
    }));
    if (focus) [...$("desk-shelf").querySelectorAll("button")].find(one => one.dataset.name === focus)?.focus();
  }
}

// What is known of the frame and the chosen track.
export class Panel {
  constructor(checking) {
    this.checking = checking;
    this.rows = new Map();
    this.body = $("desk-rows");
    for (const button of document.querySelectorAll("[data-act]")) button.addEventListener("click", () => {
      const {act} = button.dataset, plain = {begin: "begin", finish: "finish"};
      if (plain[act]) checking.act(plain[act]);
      else ({keyframe: () => checking.keyframe(), split: () => checking.split(), merge: () => checking.merge(), outside: () => checking.outside(), box: () => checking.remove(false), track: () => checking.remove(true)})[act]();
    });
    $("desk-class").addEventListener("change", event => {
      if (["new", "rename"].includes(event.target.value)) this.askName(event.target.value); else checking.rename(+event.target.value);
      $("desk-picture").focus(); // so that keys mean the frame again
    });
    $("desk-name-form").addEventListener("submit", () => {
      const name = $("desk-name").value.trim();
      if (name && this.asked === "new") checking.addClass(name);
      else if (name && checking.track) checking.renameClass(name);
    });
    $("desk-name-door").addEventListener("close", () => checking.draw());
    for (const field of document.querySelectorAll("[data-side]")) field.addEventListener("change", () => this.sized());
    $("desk-here").addEventListener("change", () => checking.draw());
  }
  askClass() {
    if (!this.checking.track) return this.checking.act("rename");
    $("desk-class").focus();
  }
  // Ask for the name of a new class, or another for the class of the chosen track.
  askName(what) {
    const {labels, track} = this.checking;
    this.asked = what;
    say($("desk-name-title"), what === "new" ? "New class" : `Another name for the class of all its tracks`);
    say($("desk-name-go"), what === "new" ? "Add it" : "Rename it");
    $("desk-name").value = what === "new" ? "" : labels.labelOf(track);
    $("desk-name-door").showModal();
  }
  // Put the box where the four numbers say: left, top, width, height.
  sized() {
    const [x, y, w, h] = [...document.querySelectorAll("[data-side]")].map(field => +field.value);
    if ([x, y, w, h].every(Number.isFinite) && w > 0 && h > 0) this.checking.act("set_box", {xyxy: [x, y, x + w, y + h]});
    else this.checking.draw();
  }
  show(labels, frame, place) {
    for (const link of document.querySelectorAll("[data-export]")) link.href = `v1/labels/${encodeURIComponent(labels.name)}/export.${link.dataset.export}`;
    const {checking} = this, accepted = labels.checked.has(frame);
    if (document.activeElement !== $("desk-frame")) $("desk-frame").value = frame;
    say($("desk-clock"), `${place + 1} of ${labels.frames.length}`);
    say($("desk-accept"), accepted ? "Accepted ✓" : "Accept frame");
    $("desk-accept").setAttribute("aria-pressed", String(accepted));
    $("desk-undo").disabled = !labels.undo && !checking.saving.waiting;
    $("desk-redo").disabled = !labels.redo;
    $("desk-progress").max = labels.asked.length || 1;
    $("desk-progress").value = labels.done;
    const touched = Object.values(labels.effort).reduce((a, b) => a + b, 0);
    say($("desk-told"), `${labels.done} of ${labels.asked.length} accepted · ${touched} touched`);
    this.showTrack(labels, frame);
    this.showRows(labels, frame);
  }
  showTrack(labels, frame) {
    const {track, second} = this.checking, box = track && labels.box(track, frame);
    $("desk-track").hidden = !track;
    $("desk-nobody").hidden = !!track;
    if (!track) return;
    say($("desk-track-name"), `Track ${track.id}`);
    $("desk-track-swatch").style.background = colourOf(track.id);
    const key = track.keyframes.find(one => one.frame === frame), spans = labels.spans(track);
    const how = !box ? "not seen here" : key ? `keyframe${box.origin === "person" ? ", put by a person" : ""}` : "between keyframes";
    const parts = spans.length > 3 ? `${spans[0][0]}–${spans[spans.length - 1][1]} in ${spans.length} parts` : spans.map(([a, b]) => a === b ? a : `${a}–${b}`).join(", ");
    const more = Object.entries({...track.attributes, ...(track.object_id ? {object: track.object_id} : {})}).map(([name, value]) => `${name}: ${value}`);
    say($("desk-track-told"), [`Frames ${parts}`, how, ...more].join(" · "));
    const select = $("desk-class"), told = JSON.stringify(labels.classes);
    if (select.dataset.told !== told) {
      select.dataset.told = told;
      select.replaceChildren(...labels.classes.map((name, k) => element("option", {value: k}, k < 9 ? `${k + 1} ${name}` : name)), element("option", {value: "new"}, "New class …"), element("option", {value: "rename"}, "Rename this class …"));
    }
    select.value = track.label;
    const sides = box ? [box.xyxy[0], box.xyxy[1], box.xyxy[2] - box.xyxy[0], box.xyxy[3] - box.xyxy[1]] : [];
    document.querySelectorAll("[data-side]").forEach((field, k) => {
      field.disabled = !box;
      if (document.activeElement !== field) field.value = box ? Math.round(sides[k] * 100) / 100 : "";
    });
    const act = name => document.querySelector(`[data-act=${name}]`);
    say(act("keyframe"), key ? "Drop keyframe" : "Keyframe");
    say(act("outside"), box ? "Hide from here" : "Show from here");
    say(act("merge"), second === null ? "Join with …" : `Join with ${second}`);
    for (const name of ["keyframe", "box"]) act(name).disabled = !box && !(name === "keyframe" && key);
  }
  showRows(labels, frame) {
    const here = $("desk-here").checked, {chosen, second} = this.checking;
    const all = [...labels.tracks.values()], fitting = here ? all.filter(track => labels.box(track, frame)) : all, shown = fitting.slice(0, MOST_ROWS);
    say($("desk-tracks-told"), shown.length < all.length ? `${shown.length} of ${all.length}` : String(all.length));
    const keep = new Set(shown.map(track => track.id));
    for (const [id, row] of this.rows) if (!keep.has(id)) { row.remove(); this.rows.delete(id); }
    shown.forEach((track, place) => {
      const row = this.row(track.id), [, label, spans, keys] = row.cells, seen = labels.spans(track);
      say(label, labels.labelOf(track));
      say(spans, `${seen[0][0]}–${seen[seen.length - 1][1]}`);
      say(keys, String(track.keyframes.filter(key => !key.outside).length));
      row.classList.toggle("current", track.id === chosen || track.id === second);
      row.querySelector("button").setAttribute("aria-pressed", String(track.id === chosen || track.id === second));
      if (this.body.children[place] !== row) this.body.insertBefore(row, this.body.children[place] || null);
    });
  }
  row(id) {
    if (this.rows.has(id)) return this.rows.get(id);
    const swatch = element("span", {class: "swatch", "aria-hidden": "true"});
    swatch.style.background = colourOf(id);
    const button = element("button", {type: "button", class: "plain"}, swatch, String(id));
    const row = element("tr", {onclick: event => this.choose(id, event.shiftKey)}, element("td", {}, button), element("td"), element("td", {class: "num"}), element("td", {class: "num"}));
    row.dataset.id = id;
    this.rows.set(id, row);
    return row;
  }
  // Choose a track, and go to where it is seen, unless it is on this frame.
  choose(id, more) {
    const {checking} = this, {labels} = checking;
    checking.pick(id, more);
    const track = labels.tracks.get(id);
    if (!more && track && !labels.box(track, checking.frame)) checking.goFrame(labels.spans(track)[0][0]);
  }
}
