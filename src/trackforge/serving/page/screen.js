// The canvas of a film: the picture that was shown last, kept, and its boxes over it. What is drawn may change, and the
// canvas its size, while the film is on its way to another picture; the two still belong together.

import {drawTracks, fit} from "./drawing.js";

export class Screen {
  constructor(canvas) {
    this.canvas = canvas;
    this.still = document.createElement("canvas");
    this.clear();
  }
  clear() { this.has = false; }
  // Take the picture that a film shows now; it must have one (`readyState` of 2 at least).
  take(video) {
    const {still} = this, {videoWidth: width, videoHeight: height} = video;
    if (still.width !== width || still.height !== height) { still.width = width; still.height = height; }
    still.getContext("2d").drawImage(video, 0, 0, width, height);
    this.has = true;
  }
  // Draw it with the tracks of a frame; `place` -1 means none, `bare` that they are in the picture already.
  draw(steps, place, size, chosen, bare) {
    const {canvas} = this, c = canvas.getContext("2d");
    fit(canvas, ...size);
    c.globalAlpha = 1;
    c.clearRect(0, 0, canvas.width, canvas.height);
    if (this.has) c.drawImage(this.still, 0, 0, canvas.width, canvas.height);
    const past = back => place >= back ? steps.tracks(place - back) : null;
    canvas.dataset.boxes = place < 0 || bare ? 0 : drawTracks(canvas, steps.tracks(place), past, chosen);
    canvas.dataset.frame = place < 0 ? "" : steps.numbers[place];
  }
}
