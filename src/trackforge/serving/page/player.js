// One film with its boxes. Picture and boxes are drawn into one canvas at one time, by the time stamp of the very
// picture (requestVideoFrameCallback; without it, by the film's clock), so that they always belong together.

import {Activity} from "./activity.js";
import {hit} from "./drawing.js";
import {onLook} from "./look.js";
import {$, clockTime, say, seldom} from "./parts.js";
import {Screen} from "./screen.js";

const AHEAD = 0.8; // seconds of tracked film to have before it plays on
const HEIGHT = 76; // hundredths of the window's
const LATE = 300; // milliseconds after which no other picture is waited for
const SLOWEST = 0.1; // of the film's speed, while the tracker is slower than the film

export class Player {
  constructor() {
    this.canvas = $("picture");
    this.screen = new Screen(this.canvas);
    this.activity = new Activity($("activity"));
    this.video = document.createElement("video");
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.preload = "auto";
    this.film = null;
    this.shown = 0; // time stamp of the picture that is drawn
    this.playing = false; // whether it is meant to play, also while it waits for the tracker
    this.held = false;
    this.chosen = null;
    this.owed = null; // time stamp of a picture that is to be copied
    this.aim = null; // the frame that was asked for, until its picture is there
    this.onchange = () => {};
    this.listen();
    onLook(() => this.redraw());
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
  }
  listen() {
    const {video} = this;
    this.exact = "requestVideoFrameCallback" in video;
    const follow = () => video.requestVideoFrameCallback((_, facts) => {
      this.taken(facts.mediaTime);
      follow();
    });
    if (this.exact) follow();
    video.addEventListener("loadedmetadata", () => { this.sized(); this.redraw(); });
    video.addEventListener("loadeddata", () => { this.taken(this.owed ?? video.currentTime); this.more(); });
    video.addEventListener("seeked", () => { if (this.owed === null) this.byClock(); else this.settle(this.owed); });
    video.addEventListener("ended", () => { this.playing = false; this.tell(); });
    video.addEventListener("error", () => { if (video.getAttribute("src")) { this.film.unplayable = true; this.screen.clear(); this.playing = false; this.redraw(); this.tell(); this.onchange(); } });
    $("seek").addEventListener("input", () => this.go(+$("seek").value));
    $("play").addEventListener("click", () => this.toggle());
    $("back").addEventListener("click", () => this.step(-1));
    $("on").addEventListener("click", () => this.step(1));
    $("speed").addEventListener("change", () => this.pace());
    this.canvas.addEventListener("click", event => this.click(event));
    this.later = seldom(() => { this.sized(); this.activity.draw(this.film, this.duration, this.shown); }, 300);
  }
  get steps() { return this.film.steps; }
  // Whether there is a film that this browser plays, and whether it shows a picture now.
  get pictured() { return Boolean(this.film?.url) && !this.film.unplayable; }
  get usable() { return this.pictured && this.video.readyState >= 2; }
  get duration() {
    const known = Number.isFinite(this.video.duration) && !this.film.unplayable ? this.video.duration : 0;
    return Math.max(known, this.steps.end + this.steps.interval, this.film.total ? this.film.total * this.steps.interval : 0);
  }
  get whole() { return ["done", "failed", "cancelled"].includes(this.film.state); }

  // Show a film from its beginning, or none.
  open(film) {
    this.film = film;
    this.playing = this.held = false;
    this.chosen = null;
    this.shown = 0;
    this.aim = this.owed = null;
    this.screen.clear();
    this.started = this.touched = false;
    this.load();
    this.sized();
    this.redraw();
    this.tell();
  }
  // Take the film's picture, which may be another one now: the file itself, or the one that the server drew.
  load() {
    if (this.film.url) this.video.src = this.film.url;
    else this.video.removeAttribute("src");
    this.video.load();
    this.pace();
  }
  sized() {
    if (!this.film) return;
    $("seek").max = this.duration;
    const size = this.size;
    this.canvas.style.aspectRatio = `${size[0]} / ${size[1]}`;
    this.canvas.style.maxWidth = `${HEIGHT * size[0] / size[1]}vh`; // no higher than most of the window
  }
  get size() {
    const {video} = this;
    if (!this.film.unplayable && video.videoWidth) return [video.videoWidth, video.videoHeight];
    return this.steps.size || [16, 9];
  }

  // A picture is there, with this time stamp. While a film is on its way it cannot be copied yet; that is owed then.
  taken(time) {
    if (!this.film) return;
    this.owed = null;
    if (!this.usable) { this.owed = time; return; }
    this.screen.take(this.video);
    if (!this.video.seeking) this.aim = null;
    this.paint(time);
    if (this.playing && !this.video.paused && !this.whole && time > this.steps.end - 2 * this.steps.interval) this.hold();
  }
  // The film has arrived. What is owed may be the picture of a place before, whose successor will be told of soon.
  settle(time) {
    if (!this.film || this.steps.at(time) === this.steps.during(this.video.currentTime)) return this.taken(time);
    setTimeout(() => { if (this.owed === time && !this.video.seeking) this.taken(time); }, LATE);
  }
  // A browser that does not tell time stamps: by the film's clock.
  byClock() {
    if (!this.film || this.exact) return;
    const now = this.video.currentTime, place = this.steps.during(now);
    this.taken(place < 0 ? now : this.steps.times[place]);
  }
  // Draw the boxes of the frame with this time stamp over the picture that was taken.
  paint(time) {
    const {steps} = this, place = this.place = steps.at(time);
    this.shown = time;
    this.screen.draw(steps, place, this.size, this.chosen, this.film.drawn);
    if (document.activeElement !== $("seek") || this.playing) $("seek").value = time;
    const frame = place < 0 ? "" : `frame ${steps.numbers[place]} · `;
    $("clock").textContent = `${frame}${clockTime(time)}`;
    $("seek").setAttribute("aria-valuetext", `${frame}${clockTime(time)}`);
  }
  redraw() { if (this.film) this.paint(this.shown); }

  // Show the picture of a time.
  go(time) {
    if (!this.film) return;
    this.touched = true;
    time = Math.max(0, Math.min(time, this.duration));
    if (!this.pictured) return this.paint(time);
    this.video.currentTime = time;
  }
  goTo(place) {
    this.aim = place; // steps are counted from where one wants to be, pictures may come later than keys
    const time = this.steps.middle(place);
    this.go(Math.min(time, Number.isFinite(this.video.duration) ? Math.max(this.steps.times[place], this.video.duration - 1e-3) : time));
    if (!this.pictured) this.paint(this.steps.times[place]);
  }
  step(by) {
    if (!this.film) return;
    this.pause();
    const from = this.aim ?? this.steps.at(this.shown);
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
    if (!this.whole && this.steps.end - this.shown < 2 * this.steps.interval) this.hold();
    else this.run();
    this.tell();
  }
  run() {
    this.held = false;
    this.video.play().catch(error => { if (error.name !== "AbortError") { this.playing = false; this.tell(); } });
    if (!this.exact) this.runByClock();
  }
  runByClock() {
    requestAnimationFrame(() => { if (this.playing && !this.video.paused) { this.byClock(); this.runByClock(); } });
  }
  pause() {
    this.playing = this.held = false;
    this.video.pause();
    this.tell();
  }
  // Wait for the tracker, as a film from far away waits for its data.
  hold() {
    this.held = true;
    this.video.pause();
    this.tell();
  }
  // While the tracker is slower than the film, the film goes at the tracker's pace instead of by fits and starts.
  pace() {
    const asked = +$("speed").value, tracked = this.film && !this.whole && this.film.speed ? 0.95 * this.film.speed : Infinity;
    this.video.playbackRate = this.video.defaultPlaybackRate = Math.max(SLOWEST, Math.min(asked, tracked));
  }
  // More steps have come, or the film's state is another.
  more() {
    if (!this.film) return;
    this.later();
    this.pace();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!this.started && !this.touched && !still && this.steps.count && this.usable) this.play();
    if (this.held && (this.whole || this.steps.end - this.shown > AHEAD)) this.run();
    if (!this.pictured && !this.whole && this.steps.count) this.paint(this.steps.end);
    else if ((this.place ?? -1) < 0) this.redraw();
    this.tell();
  }

  choose(id) {
    this.chosen = id;
    this.redraw();
    this.onchange();
  }
  click(event) {
    const box = this.canvas.getBoundingClientRect();
    const place = this.place ?? -1, at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const id = place < 0 || this.film.drawn ? null : hit(this.steps.tracks(place), ...at);
    if (id !== null) this.choose(id === this.chosen ? null : id);
    else if (this.chosen !== null) this.choose(null);
    else this.toggle();
  }

  tell() {
    const play = $("play"), {film} = this;
    play.textContent = this.playing ? "❚❚" : "▶";
    play.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    if (!film) return;
    for (const name of ["play", "speed"]) $(name).disabled = !this.pictured;
    say($("note"), this.words(film));
  }
  words(film) {
    if (film.making) return film.making;
    if (!film.url && !this.whole) return "The file itself is not at hand here; its boxes are shown alone until the server has drawn them into a film.";
    if (film.unplayable && !this.whole) return "This browser cannot play the file itself. Its boxes are shown alone until the server has drawn them into a film.";
    if (film.unplayable && film.steps.count) return "This browser cannot play the film; its boxes are shown alone.";
    if (this.held) return "Waiting for the tracker …";
    return "";
  }
}
