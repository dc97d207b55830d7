// One film of the server, or on its way there: how far it is, and its steps as they come.

import {bytes, plain, wait} from "./parts.js";
import {address, call, json, lines, upload} from "./server.js";
import {Steps} from "./steps.js";

const TRIES = 6, WINDOW = 3000, POLL = 2000;

export class Film {
  // `changed` is called when there is more to show; `file` is the user's, or none for a film that the server has already.
  constructor(name, changed, file = null) {
    Object.assign(this, {name, changed, file});
    this.url = file ? URL.createObjectURL(file) : null; // where its picture comes from
    this.id = null;
    this.state = "waiting";
    this.sent = 0;
    this.done = 0;
    this.total = null;
    this.why = "";
    this.making = ""; // how far the server is with drawing it
    this.steps = new Steps();
    this.speed = 0; // seconds of it that are tracked in a second
    this.marks = [];
    this.drawn = this.unplayable = this.following = this.learnt = this.swapped = false;
    this.stop = new AbortController();
  }
  get over() { return ["done", "failed", "cancelled"].includes(this.state); }
  get share() {
    if (this.state === "uploading") return this.sent;
    return this.total ? Math.min(1, this.done / this.total) : null;
  }
  get words() {
    const frames = this.total ? `${this.done} of ${this.total} frames` : `${this.done} frames`;
    const rate = this.speed && this.steps.count > 1 ? `, ${Math.round(this.speed / this.steps.interval)} a second` : "";
    switch (this.state) {
      case "receiving": case "waiting": return this.why || (this.id ? "waits for its turn" : "waits to be sent");
      case "uploading": return this.sent < 1 ? `sending, ${Math.round(100 * this.sent)} % of ${bytes(this.file.size)}` : "sent, the server opens it";
      case "done": return `${this.done} frames tracked${this.why ? `. ${this.why}` : ""}`;
      case "failed": return this.why || "failed";
      case "cancelled": return `cancelled after ${this.done} frames`;
      default: return `tracking, ${frames}${rate}`;
    }
  }
  update(facts) {
    this.id = facts.id;
    this.state = facts.state;
    this.done = facts.frames ?? this.done;
    this.total = facts.total ?? this.total;
    this.steps.rate = facts.rate ?? this.steps.rate;
    this.why = facts.why || facts.lack || "";
  }
  async send() {
    this.state = "uploading";
    this.changed();
    await json("v1/films"); // asks for the token before the film is sent, not after
    const told = share => { this.sent = share; this.changed(); };
    this.update(await upload(`v1/films?name=${encodeURIComponent(plain(this.name))}`, this.file, told, this.stop.signal));
  }
  // Take the steps as they come, until the film is over; false where that is done already.
  async follow() {
    if (this.following) return false;
    this.following = true;
    const asking = setInterval(() => { if (!this.learnt) this.learn(); }, POLL);
    try {
      await this.take();
      return true;
    } finally {
      clearInterval(asking);
      this.changed();
    }
  }
  // A stream that breaks off is begun again.
  async take() {
    const {signal} = this.stop;
    for (let tries = 0; ;) {
      try {
        for await (const batch of lines(`v1/films/${this.id}/steps`, signal)) {
          for (const line of batch) if (Array.isArray(line.tracks)) this.steps.add(line);
          tries = 0;
          if (!this.learnt) this.learn();
          this.done = Math.max(this.done, this.steps.count);
          this.measure();
          this.changed();
        }
        this.update(await json(`v1/films/${this.id}`, {signal}));
      } catch (error) {
        if (error.name === "AbortError" || [404, 410].includes(error.status) || ++tries > TRIES) throw error;
      }
      if (this.over) return;
      await wait(300 * (tries + 1));
    }
  }
  // Ask whether its turn has come, and how long it is; that it is over is told when its steps are here.
  async learn() {
    this.learnt = this.steps.count > 0;
    const facts = await json(`v1/films/${this.id}`, {signal: this.stop.signal}).catch(() => null);
    if (!facts || this.over || ["done", "failed", "cancelled"].includes(facts.state)) return;
    this.update(facts);
    this.changed();
  }
  measure() {
    const now = performance.now(), {marks} = this;
    marks.push([now, this.steps.end]);
    while (marks.length > 2 && now - marks[0][0] > WINDOW) marks.shift();
    if (now - marks[0][0] > 500) this.speed = 1000 * (this.steps.end - marks[0][1]) / (now - marks[0][0]);
  }
  place(kind) { return address(`v1/films/${this.id}/results.${kind}`).href; }
  // The address of a result, once it is there; `tell` hears how far the server has come.
  async result(kind, tell) {
    const {signal} = this.stop, asked = `v1/films/${this.id}/results.${kind}?wait=0`;
    while ((await call(asked, {method: "HEAD", signal})).status === 202) {
      const {results, frames} = await json(`v1/films/${this.id}`, {signal});
      tell(`Being written: ${results[kind].frames} of ${frames} frames`);
      await wait(500);
    }
    return this.place(kind);
  }
  async remove() {
    this.stop.abort();
    if (this.file) URL.revokeObjectURL(this.url);
    if (!this.id) return;
    await call(`v1/films/${this.id}`, {method: "DELETE"}).catch(error => { if (error.status !== 404) throw error; });
  }
}
