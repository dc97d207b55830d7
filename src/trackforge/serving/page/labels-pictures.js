// The pictures of frames: fetched a few ahead, the last ones kept, as many as memory allows.

import {call} from "./server.js";

const PIXELS = 48e6, FEWEST = 6, MOST = 60, AHEAD = 4;

export class Pictures {
  constructor() { this.kept = new Map(); this.name = null; this.most = FEWEST; }
  of(labels) {
    if (this.name === labels.name) return;
    for (const one of this.kept.values()) one.then(picture => picture.close(), () => {});
    this.kept.clear();
    this.name = labels.name;
  }
  // The picture of a frame; fails with the server's words where there is none.
  get(labels, frame) {
    this.of(labels);
    let found = this.kept.get(frame);
    if (found) this.kept.delete(frame); // the newest use is last
    else {
      const path = `v1/labels/${encodeURIComponent(labels.name)}/frames/${frame}`, {kept} = this;
      found = call(path).then(answer => answer.blob()).then(blob => createImageBitmap(blob));
      found.then(picture => {
        this.most = Math.min(MOST, Math.max(FEWEST, Math.floor(PIXELS / (picture.width * picture.height))));
      }, () => { if (kept.get(frame) === found) kept.delete(frame); });
    }
    this.kept.set(frame, found);
    while (this.kept.size > this.most + AHEAD) {
      const [old, picture] = this.kept.entries().next().value;
      this.kept.delete(old);
      picture.then(one => one.close(), () => {});
    }
    return found;
  }
  // Have the frames after a place at hand soon: one by one, since a film is read in order, and while `still` says so.
  async ahead(labels, place, still) {
    for (const frame of labels.frames.slice(place + 1, place + 1 + AHEAD)) {
      if (!still()) return;
      await this.get(labels, frame).catch(() => {});
    }
  }
}
