// One live picture of the grid, with its name, what is known of it, and a button to remove it.

import {Analytics} from "./analytics.js";
import {drawTracks, fit} from "./drawing.js";
import {offerClasses} from "./look.js";
import {element, say} from "./parts.js";
import {tracksOf} from "./steps.js";

const WORDS = {connecting: "connecting …", reconnecting: "away, tried again", ended: "over", drawn: "drawn by the server"};
const LONGEST_TRAIL = 120, WINDOW = 4000;
const names = new Set(); // classes of all live pictures

export class Tile {
  // `path` is the address of what is drawn, where its analytics are asked for.
  constructor(name, remove, path) {
    this.analytics = new Analytics(path);
    this.canvas = element("canvas", {role: "img", "aria-label": `Live picture of ${name}`});
    this.canvas.width = 640;
    this.canvas.height = 360;
    this.state = element("span", {class: "lamp"});
    this.words = element("span", {class: "faint"});
    this.away = element("button", {type: "button", class: "plain", title: "Remove", "aria-label": `Remove ${name}`, onclick: remove}, "✕");
    this.root = element("li", {class: "tile"}, element("div", {class: "screen"}, this.canvas),
      element("div", {class: "tile-foot"}, this.state, element("b", {}, name), this.words, this.away));
    this.past = []; // tracks of frames, newest first
    this.moments = [];
    this.count = 0;
    this.tell("connecting");
  }
  // Draw a picture and its tracks.
  draw(picture, width, height, step) {
    this.past.unshift(tracksOf(step));
    this.past.length = Math.min(this.past.length, LONGEST_TRAIL + 1);
    fit(this.canvas, width, height);
    this.canvas.getContext("2d").drawImage(picture, 0, 0, this.canvas.width, this.canvas.height);
    this.count = drawTracks(this.canvas, this.past[0], back => this.past[back] || null);
    this.canvas.dataset.shapes = this.analytics.draw(this.canvas, step, this.past[0], step.width || width, step.height || height);
    this.canvas.dataset.frame = step.frame;
    this.canvas.dataset.boxes = this.count;
    const now = performance.now();
    this.moments.push(now);
    while (now - this.moments[0] > WINDOW) this.moments.shift();
    this.learn(this.past[0]);
    this.tell("live");
  }
  learn(tracks) {
    const before = names.size;
    for (const track of tracks) names.add(track.label);
    if (names.size > before) Tile.offer();
  }
  static offer() { offerClasses([...names].sort()); }
  get rate() {
    const {moments} = this;
    return moments.length > 1 ? 1000 * (moments.length - 1) / (moments[moments.length - 1] - moments[0]) : 0;
  }
  // `state` is the server's, or "drawn" for pictures with boxes in them; `facts` are the server's, none for this device.
  tell(state, facts = this.facts) {
    this.facts = facts;
    this.root.dataset.state = state;
    this.state.title = state;
    const parts = [];
    const rate = facts?.fps || this.rate;
    if (state === "live") parts.push(`${this.count} ${this.count === 1 ? "track" : "tracks"}`, `${rate.toFixed(rate < 10 ? 1 : 0)} fps`);
    else parts.push(facts?.why || WORDS[state] || state);
    if (facts?.dropped) parts.push(`${facts.dropped} dropped`);
    say(this.words, parts.join(" · "));
  }
}
