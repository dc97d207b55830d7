// How many tracks there are over the time of a film, as a quiet curve behind the slider; it ends where the tracker is.

export class Activity {
  constructor(canvas) {
    this.canvas = canvas;
    this.last = null;
    new ResizeObserver(() => { if (this.last) this.draw(...this.last); }).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (this.last) this.draw(...this.last); });
  }
  draw(film, duration) {
    if (!film) return;
    this.last = [film, duration];
    const {canvas} = this, {steps} = film, w = canvas.clientWidth, h = canvas.clientHeight;
    const style = getComputedStyle(canvas);
    canvas.width = Math.round(w * devicePixelRatio);
    canvas.height = Math.round(h * devicePixelRatio);
    const c = canvas.getContext("2d");
    c.scale(devicePixelRatio, devicePixelRatio);
    const most = this.heights(steps, w, duration), top = Math.max(1, ...most);
    c.fillStyle = style.getPropertyValue("--accent");
    c.globalAlpha = 0.16;
    c.fillRect(0, 0, w * Math.min(1, steps.count ? (steps.end + steps.interval) / duration : 0), h);
    c.globalAlpha = 0.5;
    c.beginPath();
    c.moveTo(0, h);
    most.forEach((count, x) => { const y = h - (h - 3) * count / top; c.lineTo(x, y); c.lineTo(x + 1, y); });
    c.lineTo(most.length, h);
    c.fill();
  }
  // The most boxes of the frames of each pixel column.
  heights(steps, w, duration) {
    const most = [];
    for (let place = 0; place < steps.count; place++) {
      const x = Math.min(w - 1, Math.floor(steps.times[place] / duration * w));
      while (most.length <= x) most.push(most.length ? most[most.length - 1] : 0);
      most[x] = place && Math.floor(steps.times[place - 1] / duration * w) === x ? Math.max(most[x], steps.boxes(place)) : steps.boxes(place);
    }
    return most;
  }
}
