// The picture with its boxes: chosen with a click, moved, resized, drawn; zoomed with the wheel, moved under it.

import {edge} from "./drawing.js";
import {colourOf} from "./ids.js";
import {short} from "./parts.js";

const HANDLE = 5, NEAR = 9, FEWEST = 3; // pixels of the screen: half a handle, how near counts, what is no click any more
const LARGEST = 40; // times that the picture may be enlarged

// The eight handles: which sides of the box each one moves, as places in [x1, y1, x2, y2].
const HANDLES = [[0, 1], [1], [2, 1], [2], [2, 3], [3], [0, 3], [0]];
const CURSORS = ["nwse-resize", "ns-resize", "nesw-resize", "ew-resize", "nwse-resize", "ns-resize", "nesw-resize", "ew-resize"];

export class Board {
  // `on`: choose(id, more), move(id, xyxy), draw(xyxy).
  constructor(canvas, on) {
    Object.assign(this, {canvas, on, picture: null, boxes: [], chosen: null, second: null, size: [0, 0], drawing: false, drag: null, zoom: 1, middle: [0.5, 0.5]});
    canvas.addEventListener("pointerdown", event => this.down(event));
    canvas.addEventListener("pointermove", event => this.moved(event));
    canvas.addEventListener("pointerup", event => this.up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    canvas.addEventListener("wheel", event => this.wheel(event), {passive: false});
    canvas.addEventListener("dblclick", event => { if (this.hit(event.offsetX, event.offsetY) === null) this.fit(); });
    new ResizeObserver(() => this.paint()).observe(canvas);
  }
  show({picture, boxes, size, frame}) {
    const [width, height] = picture ? [picture.width, picture.height] : size[0] ? size : [640, 360];
    if (width !== this.size[0] || height !== this.size[1]) { this.size = [width, height]; this.fit(); }
    Object.assign(this, {picture, boxes});
    this.canvas.dataset.frame = frame;
    this.canvas.dataset.boxes = boxes.length;
    this.canvas.dataset.picture = picture ? "shown" : "none";
    this.paint();
  }
  choose(id, second = null) { this.chosen = id; this.second = second; this.paint(); }
  draw(on) { this.drawing = on; this.canvas.style.cursor = on ? "crosshair" : ""; }
  fit() { this.zoom = 1; this.middle = [0.5, 0.5]; this.paint(); }

  // ---- where things are: `scale` pixels of the screen for one of the picture
  get scale() { return this.zoom * Math.min(this.canvas.clientWidth / this.size[0], this.canvas.clientHeight / this.size[1]) || 1; }
  get corner() { return [this.canvas.clientWidth / 2 - this.middle[0] * this.size[0] * this.scale, this.canvas.clientHeight / 2 - this.middle[1] * this.size[1] * this.scale]; }
  there(x, y) { const [left, top] = this.corner; return [(x - left) / this.scale, (y - top) / this.scale]; }
  here(xyxy) { const [left, top] = this.corner, s = this.scale; return [left + xyxy[0] * s, top + xyxy[1] * s, left + xyxy[2] * s, top + xyxy[3] * s]; }
  zoomAt(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const before = this.there(x, y);
    this.zoom = Math.min(LARGEST, Math.max(1, this.zoom * factor));
    const after = this.there(x, y);
    this.shift(before[0] - after[0], before[1] - after[1]);
  }
  shift(dx, dy) {
    const half = 0.5 / this.zoom, keep = v => Math.min(1 - half, Math.max(half, v));
    this.middle = [keep(this.middle[0] + dx / this.size[0]), keep(this.middle[1] + dy / this.size[1])];
    this.paint();
  }
  // Move the picture, where it is enlarged, so that a box can be seen.
  reveal([x1, y1, x2, y2]) {
    const [a, b, c, d] = this.here([x1, y1, x2, y2]), {clientWidth: w, clientHeight: h} = this.canvas;
    if (c > 0 && d > 0 && a < w && b < h) return;
    this.shift((x1 + x2) / 2 - this.middle[0] * this.size[0], (y1 + y2) / 2 - this.middle[1] * this.size[1]);
  }
  wheel(event) {
    event.preventDefault();
    this.zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.offsetX, event.offsetY);
  }

  // ---- what lies under the pointer
  handle(x, y) {
    const chosen = this.boxes.find(([track]) => track.id === this.chosen);
    if (!chosen) return null;
    const spots = spotsOf(this.here(chosen[1].xyxy)), near = spots.findIndex(([a, b]) => Math.abs(a - x) <= NEAR && Math.abs(b - y) <= NEAR);
    return near < 0 ? null : near;
  }
  hit(x, y) {
    const [a, b] = this.there(x, y), inside = this.boxes.filter(([, {xyxy: [x1, y1, x2, y2]}]) => a >= x1 && a <= x2 && b >= y1 && b <= y2);
    if (inside.some(([track]) => track.id === this.chosen)) return this.chosen;
    const area = ([, {xyxy}]) => (xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1]);
    return inside.sort((one, other) => area(one) - area(other))[0]?.[0].id ?? null;
  }

  // ---- what the pointer does
  down(event) {
    if (this.drag || event.button > 1) return;
    const {offsetX: x, offsetY: y} = event, start = {x, y, at: this.there(x, y), moved: false};
    this.canvas.focus({preventScroll: true});
    this.canvas.setPointerCapture(event.pointerId);
    const handle = event.button ? null : this.handle(x, y), id = event.button ? null : this.hit(x, y);
    if (this.drawing && !event.button) this.drag = {...start, kind: "draw"};
    else if (handle !== null && !event.shiftKey) this.drag = {...start, kind: "box", id: this.chosen, sides: HANDLES[handle], box: this.boxOf(this.chosen)};
    else if (id !== null) {
      this.on.choose(id, event.shiftKey);
      this.drag = {...start, kind: event.shiftKey ? "none" : "box", id, sides: [0, 1, 2, 3], box: this.boxOf(id)};
    } else {
      if (!event.button && !event.shiftKey) this.on.choose(null, false);
      this.drag = {...start, kind: "pan", middle: this.middle};
    }
  }
  boxOf(id) { return this.boxes.find(([track]) => track.id === id)[1].xyxy; }
  moved(event) {
    const {offsetX: x, offsetY: y} = event, {drag} = this;
    if (!drag) {
      if (this.drawing) return;
      const handle = this.handle(x, y);
      this.canvas.style.cursor = handle !== null ? CURSORS[handle] : this.hit(x, y) !== null ? "move" : "";
      return;
    }
    if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) < FEWEST) return;
    drag.moved = true;
    const to = this.there(x, y), dx = to[0] - drag.at[0], dy = to[1] - drag.at[1];
    if (drag.kind === "pan") {
      this.middle = drag.middle;
      this.shift(-(x - drag.x) / this.scale, -(y - drag.y) / this.scale);
    } else if (drag.kind === "box") drag.now = ordered(drag.box.map((v, k) => drag.sides.includes(k) ? v + (k % 2 ? dy : dx) : v));
    else if (drag.kind === "draw") drag.now = this.inside(ordered([...drag.at, ...to]));
    this.paint();
  }
  up() {
    const {drag} = this;
    this.drag = null;
    if (drag?.now) {
      const box = drag.now.map(v => Math.round(v * 100) / 100);
      if (box[2] - box[0] >= 1 && box[3] - box[1] >= 1) {
        if (drag.kind === "draw") this.on.draw(box); else this.on.move(drag.id, box);
      }
    }
    this.paint();
  }
  // Whether something was going on that is given up now.
  cancel() {
    const was = this.drag !== null || this.drawing;
    this.drag = null;
    this.draw(false);
    this.paint();
    return was;
  }
  inside([x1, y1, x2, y2]) {
    const [w, h] = this.size;
    return [Math.max(0, x1), Math.max(0, y1), Math.min(w, x2), Math.min(h, y2)];
  }

  // ---- painting
  paint() {
    const {canvas} = this, ratio = devicePixelRatio, wide = Math.round(canvas.clientWidth * ratio), high = Math.round(canvas.clientHeight * ratio);
    if (!wide || !high) return;
    if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
    const c = canvas.getContext("2d"), [left, top] = this.corner, s = this.scale;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, wide, high);
    c.imageSmoothingEnabled = s < 3;
    if (this.picture) c.drawImage(this.picture, left, top, this.size[0] * s, this.size[1] * s);
    else { c.fillStyle = "#20252e"; c.fillRect(left, top, this.size[0] * s, this.size[1] * s); }
    const front = [...this.boxes].sort(([a], [b]) => (a.id === this.chosen) - (b.id === this.chosen));
    for (const [track, box] of front) this.paintBox(c, track, box);
    if (this.drag?.kind === "draw" && this.drag.now) {
      const [x1, y1, x2, y2] = this.here(this.drag.now);
      c.setLineDash([5, 4]);
      edge(c, x1, y1, x2, y2, "#fff", 2);
      c.setLineDash([]);
    }
  }
  paintBox(c, track, box) {
    const mine = track.id === this.chosen, other = track.id === this.second, dragged = this.drag?.now && this.drag.kind === "box" && this.drag.id === track.id;
    const [x1, y1, x2, y2] = this.here(dragged ? this.drag.now : box.xyxy), colour = colourOf(track.id);
    c.globalAlpha = this.chosen === null || mine || other ? 1 : 0.75;
    c.setLineDash(box.keyframe || dragged ? [] : [7, 4]);
    edge(c, x1, y1, x2, y2, colour, mine || other ? 3 : 2);
    c.setLineDash([]);
    if (mine || other) { c.fillStyle = colour; c.globalAlpha = 0.12; c.fillRect(x1, y1, x2 - x1, y2 - y1); c.globalAlpha = 1; }
    const words = `${track.id} ${short(track.name, 24)}${box.origin === "person" ? " ✓" : ""}`;
    c.font = '600 12px system-ui, "DejaVu Sans", sans-serif';
    const wide = c.measureText(words).width + 8, up = y1 > 18 ? y1 - 17 : y1 + 1;
    c.fillStyle = colour;
    c.fillRect(x1 - 1, up, wide, 16);
    c.lineWidth = 2.4;
    c.lineJoin = "round";
    c.strokeStyle = "rgba(10,12,16,.75)";
    c.strokeText(words, x1 + 3, up + 12);
    c.fillStyle = "#fff";
    c.fillText(words, x1 + 3, up + 12);
    if (mine) for (const [x, y] of spotsOf([x1, y1, x2, y2])) {
      c.fillStyle = "#fff";
      c.strokeStyle = "rgba(10,12,16,.85)";
      c.lineWidth = 1.5;
      c.beginPath();
      c.rect(x - HANDLE, y - HANDLE, 2 * HANDLE, 2 * HANDLE);
      c.fill();
      c.stroke();
    }
    c.globalAlpha = 1;
  }
}

function spotsOf([x1, y1, x2, y2]) {
  const x = (x1 + x2) / 2, y = (y1 + y2) / 2;
  return [[x1, y1], [x, y1], [x2, y1], [x2, y], [x2, y2], [x, y2], [x1, y2], [x1, y]];
}

const ordered = ([x1, y1, x2, y2]) => [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
