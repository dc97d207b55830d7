"use strict";
// One film with its boxes. Picture and boxes are drawn into one canvas at one time, so that they always belong together.

class Film {
  constructor(given) {
    this.rate = given.rate;
    this.numbers = new Numbers(given.numbers);
    this.video = document.createElement("video");
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.preload = "auto";
    this.failed = false;
    this.video.addEventListener("error", () => { this.failed = true; });
    this.video.src = given.href || URL.createObjectURL(new Blob([bytesOf(given.block)], {type: "video/mp4"}));
    this.asked = -1;
  }
  // The frame of the film that is shown at a time of its clock; the slack is for clocks that are rounded.
  frameAt(seconds) { return Math.max(0, Math.min(this.numbers.count - 1, Math.floor(seconds * this.rate + 0.01))); }
  get now() { return this.frameAt(this.video.currentTime); }
  // Show a frame and call back when it is there.
  seek(frame, then) {
    this.asked = frame;
    const video = this.video, wanted = (frame + 0.5) / this.rate;
    const done = () => { if (this.asked === frame) then(); };
    if (this.failed) return done();
    if (video.readyState >= 2 && Math.abs(video.currentTime - wanted) < 0.25 / this.rate && !video.seeking) return done();
    const start = () => { video.addEventListener("seeked", done, {once: true}); video.currentTime = wanted; };
    if (video.readyState >= 1) start();
    else video.addEventListener("loadedmetadata", start, {once: true});
  }
}

class Panel {
  constructor(canvas, run, size, film) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.run = run;
    this.size = size;
    this.film = film; // its own or another panel's, or null
    this.boxes = new Boxes(run.rows.block, run.rows.count);
    this.truth = run.truth ? new Boxes(run.truth.block, run.truth.count) : null;
    this.names = run.classes;
    new ResizeObserver(() => this.fit()).observe(canvas);
    this.number = -1;
    this.look = null;
  }
  fit() {
    const width = this.canvas.clientWidth * devicePixelRatio, height = width * this.size[1] / this.size[0];
    if (!width || Math.abs(this.canvas.width - width) < 1) return;
    this.canvas.width = Math.round(width);
    this.canvas.height = Math.round(height);
    if (this.look) this.draw(this.number, this.look);
  }
  labelName(label) { return this.names[label] ?? `class ${label}`; }
  draw(number, look) {
    this.number = number;
    this.look = look;
    const {context: c, canvas} = this, w = canvas.width, h = canvas.height;
    c.clearRect(0, 0, w, h);
    const place = this.film ? this.film.numbers.at(number) : -1;
    canvas.dataset.number = number;
    canvas.dataset.film = place;
    if (place >= 0 && look.picture && this.film.video.readyState >= 2) c.drawImage(this.film.video, 0, 0, w, h);
    else if (!this.film || place < 0) this.say(this.film ? "no film of this frame in this report" : "no film");
    if (this.film && this.film.failed) this.say("this browser cannot play the film");
    if (look.truth && this.truth) this.drawTruth(number, look);
    if (look.trails) this.drawTrails(number, look);
    let shown = 0;
    const [begin, end] = this.boxes.rows(number);
    for (let row = begin; row < end; row++) if (this.wanted(row, look)) { this.drawBox(row, look); shown++; }
    canvas.dataset.boxes = shown;
  }
  say(text) {
    const c = this.context, size = Math.max(11, this.canvas.width / 55);
    c.font = `${size}px system-ui, sans-serif`;
    c.fillStyle = "rgba(255,255,255,.45)";
    c.textAlign = "left";
    c.fillText(text, size, this.canvas.height - size);
  }
  wanted(row, look) {
    const id = this.boxes.id[row];
    return (!look.ids || look.ids(id)) && (!look.labels || look.labels.has(this.boxes.label[row]));
  }
  place(boxes, row) {
    const x = this.canvas.width / STEPS, y = this.canvas.height / STEPS, box = boxes.box;
    return [box[4 * row] * x, box[4 * row + 1] * y, box[4 * row + 2] * x, box[4 * row + 3] * y];
  }
  drawBox(row, look) {
    const {context: c, boxes} = this, id = boxes.id[row], colour = colourOf(id);
    const [x1, y1, x2, y2] = this.place(boxes, row), unit = Math.max(1, this.canvas.width / 640);
    const wrong = look.truth && boxes.wrong[row];
    const special = look.tracks && look.tracks.has(id);
    if (look.boxes) {
      c.lineWidth = (special ? 4 : 2) * unit;
      c.strokeStyle = colour;
      c.setLineDash(wrong ? [3 * unit, 2 * unit] : []);
      c.strokeRect(x1, y1, x2 - x1, y2 - y1);
      c.setLineDash([]);
    }
    const words = [];
    if (look.names && id >= 0) words.push(String(id));
    if (look.classes || id < 0) words.push(this.labelName(boxes.label[row]));
    if (look.scores) words.push((boxes.score[row] / 255).toFixed(2));
    if (wrong) words.push("✕");
    if (words.length) this.tag(words.join(" "), x1, y1, colour, unit);
  }
  tag(text, x, y, colour, unit) {
    const c = this.context, size = 10.5 * unit;
    c.font = `600 ${size}px system-ui, "DejaVu Sans", sans-serif`;
    c.textAlign = "left";
    const width = c.measureText(text).width + 5 * unit, top = Math.max(0, y - size - 3 * unit);
    const left = Math.max(0, Math.min(x - unit, this.canvas.width - width));
    c.fillStyle = colour;
    c.fillRect(left, top, width, size + 3 * unit);
    c.lineWidth = 2.2 * unit;
    c.strokeStyle = "rgba(10,12,16,.75)";
    c.lineJoin = "round";
    c.strokeText(text, left + 2.5 * unit, top + size);
    c.fillStyle = "#fff";
    c.fillText(text, left + 2.5 * unit, top + size);
  }
  drawTruth(number, look) {
    const c = this.context, [begin, end] = this.truth.rows(number), unit = Math.max(1, this.canvas.width / 640);
    for (let row = begin; row < end; row++) {
      const [x1, y1, x2, y2] = this.place(this.truth, row), missed = this.truth.wrong[row], id = this.truth.id[row];
      const special = look.objects && look.objects.has(id);
      c.strokeStyle = missed ? "#ff3b30" : "rgba(255,255,255,.85)";
      c.lineWidth = (special ? 3 : 1.2) * unit;
      if (missed) { c.fillStyle = "rgba(255,59,48,.18)"; c.fillRect(x1, y1, x2 - x1, y2 - y1); }
      c.strokeRect(x1, y1, x2 - x1, y2 - y1);
      if (missed || special) {
        c.font = `600 ${9.5 * unit}px system-ui, sans-serif`;
        c.textAlign = "right";
        const text = missed ? `missed ${id}` : `object ${id}`;
        c.lineWidth = 2.5 * unit;
        c.lineJoin = "round";
        c.strokeStyle = "rgba(10,12,16,.8)";
        c.strokeText(text, x2, y2 + 10 * unit);
        c.fillStyle = missed ? "#ff8a80" : "#fff";
        c.fillText(text, x2, y2 + 10 * unit);
      }
    }
  }
  drawTrails(number, look) {
    const c = this.context, boxes = this.boxes, [begin, end] = boxes.rows(number);
    c.lineWidth = 2 * Math.max(1, this.canvas.width / 640);
    c.lineJoin = "round";
    for (let row = begin; row < end; row++) {
      if (boxes.id[row] < 0 || !this.wanted(row, look)) continue;
      const rows = boxes.byId.get(boxes.id[row]);
      let place = rowPlace(rows, row), left = look.trail;
      c.strokeStyle = colourOf(boxes.id[row]);
      c.globalAlpha = 0.8;
      c.beginPath();
      for (; place >= 0 && left > 0; place--, left--) {
        if (number - boxes.frame[rows[place]] > 2 * look.trail) break;
        const [x1, , x2, y2] = this.place(boxes, rows[place]);
        if (left === look.trail) c.moveTo((x1 + x2) / 2, y2); else c.lineTo((x1 + x2) / 2, y2);
      }
      c.stroke();
      c.globalAlpha = 1;
    }
  }
  // The id at a point of the canvas (in parts of its size), the smallest box first; -1 for none.
  hit(x, y) {
    const boxes = this.boxes, [begin, end] = boxes.rows(this.number);
    let best = -1, least = Infinity;
    for (let row = begin; row < end; row++) {
      const [x1, y1, x2, y2] = [0, 1, 2, 3].map(i => boxes.box[4 * row + i] / STEPS), area = (x2 - x1) * (y2 - y1);
      if (x >= x1 && x <= x2 && y >= y1 && y <= y2 && area < least && this.wanted(row, this.look)) { best = boxes.id[row]; least = area; }
    }
    return best;
  }
}

function rowPlace(rows, row) {
  let low = 0, high = rows.length - 1;
  while (low < high) { const middle = (low + high) >> 1; if (rows[middle] < row) low = middle + 1; else high = middle; }
  return low;
}
