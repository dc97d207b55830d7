// Edits on their way to the server: one after the other, each sent again until it is answered, so that none is lost
// with the connection and none is made twice.

import {json} from "./server.js";
import {wait} from "./parts.js";

const PAUSES = [500, 1000, 2000, 4000]; // milliseconds between two tries
const AWAY = new Set([0, 408, 429, 502, 503, 504]); // statuses after which another try may succeed

export class Saving {
  // `tell` is told of the state: saved, saving, away; `refused` of a refusal, and whether the document is another by now.
  constructor({tell, changed, refused}) {
    Object.assign(this, {tell, changed, refused});
    this.queue = [];
    this.busy = false;
    addEventListener("beforeunload", event => { if (this.queue.length) event.preventDefault(); });
    addEventListener("online", () => this.hurry?.());
  }
  get waiting() { return this.queue.length; }
  // Send an edit (or undo, redo); gives whether it was made. What it changed is in the document before.
  send(labels, path, edit = null) {
    const key = crypto.getRandomValues(new Uint32Array(4)).join("-");
    if (edit?.action === "set_box") labels.pending.push(edit);
    return new Promise(done => {
      this.queue.push({labels, path, edit, key, done});
      this.work();
    });
  }
  async work() {
    if (this.busy) return;
    this.busy = true;
    this.tell("saving");
    while (this.queue.length) {
      const one = this.queue[0], made = await this.deliver(one);
      this.queue.shift();
      one.labels.pending = one.labels.pending.filter(edit => edit !== one.edit);
      if (made === "outdated") { // what waits was meant for another document, too
        for (const other of this.queue.splice(0)) { other.labels.pending = []; other.done(false); }
      }
      one.done(made === "made");
    }
    this.busy = false;
    this.tell("saved");
  }
  async deliver({labels, path, edit, key}) {
    for (let tries = 0; ; tries++) {
      try {
        const body = edit ? {revision: labels.revision, edit, key} : {revision: labels.revision};
        labels.change(await json(`v1/labels/${encodeURIComponent(labels.name)}/${path}`, {method: "POST", body}));
        this.changed(labels);
        return "made";
      } catch (error) {
        if (!AWAY.has(error.status ?? -1)) {
          const outdated = error.status === 409;
          await this.refused(error, labels, outdated);
          return outdated ? "outdated" : "refused";
        }
        this.tell("away", error.message);
        await Promise.race([wait(PAUSES[Math.min(tries, PAUSES.length - 1)]), new Promise(done => { this.hurry = done; })]);
      }
    }
  }
}
