// The film as a line: what is accepted, what is wanted, where tracks are seen, and the keyframes of the chosen one.

import {colourOf} from "./ids.js";

const TOP = 16, LANE = 9, LANES = 7;

export class Timeline {
  constructor(canvas, go) {
    Object.assign(this, {canvas, labels: null, place: 0, chosen: null});
    const seek = event => {
      if (!this.labels || !(event.buttons & 1)) return;
      go(Math.floor(event.offsetX / this.canvas.clientWidth * this.labels.frames.length));
    };
    canvas.addEventListener("pointerdown", event => { canvas.setPointerCapture(event.pointerId); seek(event); });
    canvas.addEventListener("pointermove", seek);
    new ResizeObserver(() => this.paint()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
  }
  show(labels, place, chosen) {
    Object.assign(this, {labels, place, chosen});
    const {canvas} = this;
    canvas.setAttribute("aria-valuemax", labels.frames.length - 1);
    canvas.setAttribute("aria-valuenow", place);
    canvas.setAttribute("aria-valuetext", `frame ${labels.frames[place]}`);
    this.paint();
  }
  // The tracks that get a lane: the chosen one, and those on this frame, each in a lane of its own.
  lanes() {
    const {labels, place, chosen} = this, frame = labels.frames[place];
    const here = [...labels.tracks.values()].filter(track => track.id !== chosen && labels.box(track, frame));
    const mine = labels.tracks.get(chosen);
    return [...(mine ? [mine] : []), ...here].slice(0, LANES);
  }
  paint() {
    const {canvas, labels} = this, ratio = devicePixelRatio, w = canvas.clientWidth, h = canvas.clientHeight;
    if (!labels || !w) return;
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
    const c = canvas.getContext("2d"), style = getComputedStyle(canvas), ink = name => style.getPropertyValue(name);
    c.scale(ratio, ratio);
    const count = labels.frames.length, wide = w / count, x = frame => (labels.places.get(frame) ?? 0) * wide;
    c.fillStyle = ink("--s2");
    for (const frame of labels.checked) c.fillRect(x(frame), 2, Math.max(wide, 1.5), TOP - 6);
    c.fillStyle = ink("--s4");
    for (const frame of labels.wanted) if (!labels.checked.has(frame)) c.fillRect(x(frame), 2, Math.max(wide, 2), TOP - 6);
    this.lanes().forEach((track, lane) => {
      const mine = track.id === this.chosen, y = TOP + 2 + lane * LANE, colour = colourOf(track.id);
      for (const [first, last] of labels.spans(track)) {
        c.fillStyle = colour;
        c.globalAlpha = mine ? 0.75 : 0.4;
        c.fillRect(x(first), y + (mine ? 0 : 1), Math.max(x(last) + wide - x(first), 1.5), mine ? LANE - 2 : LANE - 4);
        c.globalAlpha = 1;
      }
      for (const key of track.keyframes) {
        if (key.outside) continue;
        const middle = x(key.frame) + wide / 2, size = mine ? 4 : 2;
        c.fillStyle = key.origin === "person" ? ink("--ink") : colour;
        c.beginPath();
        c.moveTo(middle, y + 3.5 - size); c.lineTo(middle + size, y + 3.5); c.lineTo(middle, y + 3.5 + size); c.lineTo(middle - size, y + 3.5);
        c.fill();
      }
    });
    c.fillStyle = ink("--accent");
    c.fillRect(Math.max(0, (this.place + 0.5) * wide - 1), 0, 2, h);
  }
}
