// One film with its boxes: picture and boxes are drawn into one canvas at one time, so that they always belong together.

import {Activity} from "./activity.js";
import {hit} from "./drawing.js";
import {Footage} from "./footage.js";
import {onLook} from "./look.js";
import {$, clockTime, say, seldom} from "./parts.js";
import {Screen} from "./screen.js";

const AHEAD = 0.8; // seconds of tracked film to have before it plays on
const HEIGHT = 76; // hundredths of the window's
const SLOWEST = 0.1; // of the film's speed, while the tracker is slower than the film

export class Player {
  constructor() {
    this.canvas = $("picture");
    this.screen = new Screen(this.canvas);
    this.activity = new Activity($("activity"));
    this.footage = new Footage(this);
    this.film = null;
    this.shown = 0; // seconds of the film at which one is
    this.place = -1; // and the frame there, -1 where it is not tracked
    this.aim = null; // the frame that was asked for, until its picture is there
    this.playing = false; // whether it is meant to play, also while it waits for the tracker
    this.held = false;
    this.chosen = null;
    this.onchange = () => {};
    $("seek").addEventListener("input", () => this.go(+$("seek").value));
    $("play").addEventListener("click", () => this.toggle());
    $("back").addEventListener("click", () => this.step(-1));
    $("on").addEventListener("click", () => this.step(1));
    $("speed").addEventListener("change", () => this.pace());
    this.canvas.addEventListener("click", event => this.click(event));
    this.later = seldom(() => { this.sized(); this.activity.draw(this.film, this.duration); }, 300);
    onLook(() => this.redraw());
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
  }
  get steps() { return this.film.steps; }
  get pictured() { return this.footage.pictured; }
  get duration() {
    const {steps} = this, stated = this.film.total ? this.film.total * steps.interval : 0;
    return Math.max(this.footage.duration, steps.end + steps.interval, stated);
  }

  // Show a film from its beginning.
  open(film) {
    Object.assign(this, {film, playing: false, held: false, chosen: null, shown: 0, aim: null, started: false, touched: false});
    this.load();
  }
  // Take the film's picture, which may be another one now: the file itself, or the one that the server drew.
  load() {
    this.screen.clear();
    this.align();
    this.footage.open(this.film.url);
    this.pace();
    this.sized();
    this.redraw();
    this.tell();
  }
  align() { this.footage.start = this.steps.numbers[0] === 0 ? this.steps.times[0] : null; }

  // What the footage tells.
  sized() {
    if (!this.film) return;
    $("seek").max = this.duration;
    const [width, height] = this.size;
    this.canvas.style.aspectRatio = `${width} / ${height}`;
    this.canvas.style.maxWidth = `${HEIGHT * width / height}vh`; // no higher than most of the window
  }
  get size() { return this.footage.size || this.steps.size || [16, 9]; }
  ready() { if (this.film) this.more(); }
  picture() {
    if (!this.film) return;
    this.screen.take(this.footage.video);
    if (!this.footage.seeking) this.aim = null;
    this.redraw();
    if (this.playing && this.footage.running && !this.film.over && this.shown > this.steps.end - 2 * this.steps.interval) this.hold();
  }
  same(stamp, now) { return !this.film || this.steps.at(stamp) === this.steps.during(now); }
  began(now) { const place = this.film ? this.steps.during(now) : -1; return place < 0 ? now : this.steps.times[place]; }
  ended() { this.playing = false; this.tell(); }
  failed() {
    if (!this.film) return;
    this.film.unplayable = true;
    this.playing = false;
    this.screen.clear();
    this.redraw();
    this.tell();
    this.onchange();
  }

  redraw() { if (this.film) this.paint(this.screen.has ? this.footage.time : this.shown); }
  // Draw the frame of that time over the picture that was taken, if any.
  paint(time) {
    const {steps} = this, place = this.place = steps.at(time);
    this.shown = time;
    this.screen.draw(steps, place, this.size, this.chosen, this.film.drawn);
    if (document.activeElement !== $("seek") || this.playing) $("seek").value = time;
    const words = `${place < 0 ? "" : `frame ${steps.numbers[place]} · `}${clockTime(Math.max(0, time))}`;
    say($("clock"), words);
    $("seek").setAttribute("aria-valuetext", words);
  }

  // Show the picture of a time.
  go(time) {
    if (!this.film) return;
    this.touched = true;
    time = Math.max(0, Math.min(time, this.duration));
    if (this.pictured) this.footage.seek(time); else this.paint(time);
  }
  goTo(place) {
    this.aim = place; // steps are counted from where one wants to be, pictures may come later than keys
    this.go(this.pictured ? this.steps.middle(place) : this.steps.times[place]);
  }
  step(by) {
    if (!this.film) return;
    this.pause();
    const from = this.aim ?? this.place;
    if (from < 0) return this.go(this.shown + by * this.steps.interval);
    this.goTo(Math.max(0, Math.min(this.steps.count - 1, from + by)));
  }
  toEnd(last) {
    this.pause();
    if (this.steps.count) this.goTo(last ? this.steps.count - 1 : 0);
  }

  toggle() { this.touched = true; if (this.playing) this.pause(); else this.play(); }
  play() {
    if (!this.pictured) return;
    this.playing = this.started = true;
    this.aim = null;
    this.pace();
    if (!this.film.over && this.steps.end - this.shown < 2 * this.steps.interval) this.hold();
    else this.run();
    this.tell();
  }
  run() {
    this.held = false;
    this.footage.play().catch(error => { if (error.name !== "AbortError") this.ended(); });
  }
  pause() {
    this.playing = this.held = false;
    this.footage.pause();
    this.tell();
  }
  // Wait for the tracker, as a film from far away waits for its data.
  hold() {
    this.held = true;
    this.footage.pause();
    this.tell();
  }
  // While the tracker is slower than the film, the film goes at the tracker's pace instead of by fits and starts.
  pace() {
    const tracked = this.film && !this.film.over && this.film.speed ? 0.95 * this.film.speed : Infinity;
    this.footage.pace(Math.max(SLOWEST, Math.min(+$("speed").value, tracked)));
  }
  // More steps have come, or the film's state is another.
  more() {
    if (!this.film) return;
    this.align();
    this.later();
    this.pace();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!this.started && !this.touched && !still && this.steps.count && this.footage.usable) this.play();
    if (this.held && (this.film.over || this.steps.end - this.shown > AHEAD)) this.run();
    if (!this.pictured && !this.film.over && this.steps.count) this.paint(this.steps.end);
    else if (this.place < 0) this.redraw();
    this.tell();
  }

  choose(id) {
    this.chosen = id;
    this.redraw();
    this.onchange();
  }
  click(event) {
    const box = this.canvas.getBoundingClientRect(), at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const id = this.place < 0 || this.film.drawn ? null : hit(this.steps.tracks(this.place), ...at);
    if (id !== null) this.choose(id === this.chosen ? null : id);
    else if (this.chosen !== null) this.choose(null);
    else this.toggle();
  }

  tell() {
    const play = $("play"), {film} = this;
    say(play, this.playing ? "❚❚" : "▶");
    play.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    if (!film) return;
    for (const name of ["play", "speed"]) $(name).disabled = !this.pictured;
    say($("note"), this.words(film));
  }
  words(film) {
    if (film.making) return film.making;
    if (!film.url && !this.film.over) return "The file itself is not at hand here; its boxes are shown alone until the server has drawn them into a film.";
    if (film.unplayable && !this.film.over) return "This browser cannot play the file itself. Its boxes are shown alone until the server has drawn them into a film.";
    if (film.unplayable && film.steps.count) return "This browser cannot play the film; its boxes are shown alone.";
    if (this.held) return "Waiting for the tracker …";
    return "";
  }
}
