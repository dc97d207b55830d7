"use strict";
// Ids over time: a bar for each, drawn as far as it is in sight, so that thousands of them scroll like ten.

const ROW = 15, GUTTER = 58, HEAD = 18;

class Timeline {
  constructor(box, panel, axis, jump) {
    this.box = box;
    this.canvas = box.querySelector("canvas");
    this.spacer = box.querySelector(".spacer");
    this.panel = panel;
    this.axis = axis;
    this.jump = jump;
    this.bars = this.build();
    this.shown = this.bars;
    this.place = 0;
    box.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.fit()).observe(box);
    this.canvas.addEventListener("click", event => this.click(event));
    this.canvas.addEventListener("mousemove", event => this.hover(event));
  }
  // A bar has the runs of frames in which its id is there, and the class that it has most often.
  build() {
    const {boxes} = this.panel, bars = [];
    for (const [id, rows] of boxes.byId) {
      const runs = [], labels = new Map();
      let begin = this.axis.floor(boxes.frame[rows[0]]), last = begin;
      for (const row of rows) {
        const place = this.axis.floor(boxes.frame[row]), label = boxes.label[row];
        if (place > last + 1) { runs.push([begin, last]); begin = place; }
        last = place;
        labels.set(label, (labels.get(label) || 0) + 1);
      }
      runs.push([begin, last]);
      const label = [...labels].sort((a, b) => b[1] - a[1])[0][0];
      bars.push({id, runs, label, first: runs[0][0], last, count: rows.length});
    }
    return bars;
  }
  arrange(order, look, least) {
    const keys = {first: bar => bar.first, long: bar => -bar.count, id: bar => bar.id};
    this.shown = this.bars
      .filter(bar => bar.count >= least && (!look.ids || look.ids(bar.id)) && (!look.labels || look.labels.has(bar.label)))
      .sort((a, b) => keys[order](a) - keys[order](b) || a.id - b.id);
    this.fit();
  }
  fit() {
    const height = Math.min(352, HEAD + Math.max(1, this.shown.length) * ROW + 4);
    this.spacer.style.height = `${HEAD + this.shown.length * ROW + 4}px`;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(this.canvas.clientWidth * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    this.draw();
  }
  get width() { return this.canvas.clientWidth - GUTTER - 8; }
  x(place) { return GUTTER + this.width * place / Math.max(1, this.axis.count); }
  draw(place = this.place, special = this.special) {
    this.place = place;
    this.special = special;
    const c = this.canvas.getContext("2d"), style = getComputedStyle(this.box), w = this.canvas.clientWidth;
    const h = this.canvas.height / devicePixelRatio, faint = style.getPropertyValue("--faint"), ink = style.getPropertyValue("--ink");
    c.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    c.clearRect(0, 0, w, h);
    c.font = '11px system-ui, "DejaVu Sans", sans-serif';
    const first = Math.floor(this.box.scrollTop / ROW), slide = this.box.scrollTop - first * ROW;
    for (let row = first; row < Math.min(this.shown.length, first + Math.ceil(h / ROW) + 1); row++) {
      const bar = this.shown[row], y = HEAD + (row - first) * ROW - slide, hot = this.special && this.special.has(bar.id);
      c.fillStyle = hot ? ink : faint;
      c.textAlign = "right";
      c.fillText(String(bar.id), GUTTER - 8, y + 11);
      c.fillStyle = style.getPropertyValue("--panel");
      c.fillRect(GUTTER, y + 1, this.width, ROW - 2);
      c.fillStyle = colourOf(bar.id);
      for (const [from, to] of bar.runs) c.fillRect(this.x(from), y + (hot ? 1 : 3), Math.max(1.5, this.x(to + 1) - this.x(from)), ROW - (hot ? 2 : 6));
    }
    c.fillStyle = style.getPropertyValue("--paper");
    c.fillRect(0, 0, w, HEAD);
    c.fillStyle = faint;
    c.textAlign = "left";
    c.fillText(`${this.shown.length} of ${this.bars.length} ids`, 6, 12);
    if (!this.shown.length) c.fillText("no id fits the filter", GUTTER, HEAD + 12);
    const x = this.x(place + 0.5);
    c.fillStyle = style.getPropertyValue("--accent");
    c.fillRect(x - 0.75, HEAD, 1.5, h - HEAD);
    this.box.dataset.shown = this.shown.length;
  }
  at(event) {
    const rect = this.canvas.getBoundingClientRect(), x = event.clientX - rect.left, y = event.clientY - rect.top;
    const row = Math.floor((y - HEAD + this.box.scrollTop) / ROW);
    const place = Math.max(0, Math.min(this.axis.count - 1, Math.floor((x - GUTTER) / this.width * this.axis.count)));
    return {bar: y < HEAD ? undefined : this.shown[row], place, named: x < GUTTER};
  }
  // On a bar: to that moment, and the id stands out; on an id: to where it begins.
  click(event) {
    const {bar, place, named} = this.at(event);
    if (!bar) return this.jump(place, null);
    this.jump(named ? bar.first : place, bar.id);
  }
  hover(event) {
    const {bar, place} = this.at(event);
    this.canvas.title = bar
      ? `id ${bar.id}, ${this.panel.labelName(bar.label)}: ${bar.count} frames, ${this.axis.get(bar.first)} to ${this.axis.get(bar.last)}`
      : `frame ${this.axis.get(place)}`;
  }
}

// The whole film as one line: where one is, and where something went wrong.
class Strip {
  constructor(canvas, axis, jump) {
    this.canvas = canvas;
    this.axis = axis;
    this.marks = [];
    new ResizeObserver(() => this.draw()).observe(canvas);
    const go = event => {
      const rect = canvas.getBoundingClientRect(), part = (event.clientX - rect.left) / rect.width;
      jump(Math.max(0, Math.min(axis.count - 1, Math.floor(part * axis.count))), undefined);
    };
    canvas.addEventListener("pointerdown", event => { canvas.setPointerCapture(event.pointerId); go(event); });
    canvas.addEventListener("pointermove", event => { if (event.buttons) go(event); });
  }
  draw(place = this.place ?? 0) {
    this.place = place;
    const canvas = this.canvas, c = canvas.getContext("2d"), style = getComputedStyle(canvas), w = canvas.clientWidth, h = canvas.clientHeight;
    canvas.width = Math.round(w * devicePixelRatio);
    canvas.height = Math.round(h * devicePixelRatio);
    c.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    c.fillStyle = style.getPropertyValue("--panel");
    c.fillRect(0, 0, w, h);
    const lanes = {switch: ["--s3", 0], fragmentation: ["--s4", 1], miss: ["--s5", 2], "false positive": ["--s1", 3]}, lane = h / 4;
    for (const mark of this.marks) {
      const [colour, row] = lanes[mark.kind];
      c.fillStyle = style.getPropertyValue(colour);
      c.globalAlpha = 0.75;
      c.fillRect(w * mark.from / this.axis.count, row * lane + 1, Math.max(1.5, w * (mark.to - mark.from + 1) / this.axis.count), lane - 2);
    }
    c.globalAlpha = 1;
    c.fillStyle = style.getPropertyValue("--accent");
    c.fillRect(w * (place + 0.5) / this.axis.count - 1.25, 0, 2.5, h);
  }
}
