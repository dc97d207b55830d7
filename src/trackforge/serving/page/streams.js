// Live pictures with their steps: a WebSocket on which one picture is on its way at a time.

import {socketAddress} from "./server.js";
import {wait} from "./parts.js";

const SHORTEST = 1000, LONGEST = 15000, VAIN = 2;

// A camera of the server. Its socket sends a step as text, then the picture as JPEG, and waits for "next".
export class CameraStream {
  constructor(id, {picture, state, wanted, vain}) {
    this.path = `v1/cameras/${id}/stream`;
    this.told = {picture, state, wanted, vain};
    this.paused = false;
    this.owed = false; // a "next" that is held back while nobody looks
    this.ended = false;
    this.opened = 0;
    this.run();
  }
  async run() {
    for (let failures = 0; !this.ended;) {
      while (this.paused || !this.told.wanted()) {
        await wait(SHORTEST / 2);
        if (this.ended) return;
      }
      const before = this.opened;
      await this.once();
      if (this.ended) return;
      failures = this.opened > before ? 0 : failures + 1;
      if (!this.opened && failures >= VAIN) return this.told.vain(); // no socket gets through here: a proxy, perhaps
      this.told.state("connecting");
      await wait(Math.min(LONGEST, SHORTEST * 2 ** failures));
    }
  }
  once() {
    return new Promise(done => {
      const socket = this.socket = new WebSocket(socketAddress(this.path));
      let step = null;
      socket.binaryType = "blob";
      socket.onopen = () => { this.opened++; };
      socket.onmessage = async ({data}) => {
        if (typeof data === "string") { step = JSON.parse(data); return; }
        try {
          const picture = await createImageBitmap(data);
          this.told.picture(picture, step);
          picture.close();
        } catch { /* one damaged picture is no reason to stop */ }
        if (this.paused) this.owed = true; else this.next();
      };
      socket.onclose = () => { this.owed = false; done(); };
    });
  }
  next() { if (this.socket?.readyState === WebSocket.OPEN) this.socket.send("next"); }
  // While nobody looks, no credit is given, and the server sends nothing.
  pause(paused) {
    this.paused = paused;
    if (!paused && this.owed) { this.owed = false; this.next(); }
  }
  end() { this.ended = true; this.socket?.close(); }
}

// Pictures that this device takes, answered with steps: a session of the server. `grab()` gives a JPEG, or null.
export class SessionStream {
  constructor(id, {grab, step, problem, closed}) {
    const began = performance.now();
    this.ended = false;
    this.socket = new WebSocket(socketAddress(`v1/sessions/${id}/stream`));
    const send = async () => {
      while (!this.ended) {
        const picture = await grab();
        if (picture && this.socket.readyState === WebSocket.OPEN) {
          this.socket.send(JSON.stringify({timestamp: (performance.now() - began) / 1000}));
          this.socket.send(picture);
        }
        if (picture) return;
        await wait(50);
      }
    };
    this.socket.onopen = send;
    this.socket.onmessage = async ({data}) => {
      const told = JSON.parse(data);
      if (told.problem) { problem(told.problem.detail || told.problem.title); await wait(SHORTEST); }
      if (told.tracks) step(told);
      if (told.tracks || told.problem) send();
    };
    this.socket.onclose = event => { if (!this.ended) closed(event.reason); };
  }
  end() { this.ended = true; this.socket.close(); }
}
