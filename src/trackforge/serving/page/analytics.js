// Lines, zones and speeds on a live picture: where they are is asked once, what they count comes with every step.

import {colourOf} from "./ids.js";
import {wanted} from "./look.js";
import {tag} from "./drawing.js";
import {json} from "./server.js";

const LINE = "#ff922b", ZONE = "#38d9a9";

// What the result of each analytic has as `lines` or `zones`, with points in pixels of the picture.
function shapesOf(results) {
  const found = [];
  for (const [analytic, result] of Object.entries(results)) {
    for (const kind of ["lines", "zones"]) {
      for (const [name, one] of Object.entries(result[kind] || {})) {
        if (Array.isArray(one?.points)) found.push({analytic, kind, name, points: one.points});
      }
    }
  }
  return found;
}

export class Analytics {
  // `path` is the address of the session or camera whose steps are drawn.
  constructor(path) { Object.assign(this, {path, shapes: null}); }
  ask() {
    this.shapes = [];
    json(`${this.path}/analytics`).then(results => { this.shapes = shapesOf(results); }).catch(() => { this.shapes = null; });
  }
  // Draw what a step says over its picture of so many pixels; returns how many lines and zones there are.
  draw(canvas, step, tracks, width, height) {
    if (!step.analytics) return 0;
    if (!this.shapes) this.ask();
    const c = canvas.getContext("2d"), unit = Math.max(1, canvas.width / 640);
    for (const shape of this.shapes) drawShape(c, canvas, shape, step.analytics[shape.analytic]?.[shape.name], width, height, unit);
    for (const one of Object.values(step.analytics)) if (one.tracks) drawSpeeds(c, canvas, one.tracks, tracks, unit);
    return this.shapes.length;
  }
}

function drawShape(c, canvas, {kind, name, points}, counts, width, height, unit) {
  const places = points.map(([x, y]) => [x / width * canvas.width, y / height * canvas.height]);
  const colour = kind === "lines" ? LINE : ZONE;
  c.beginPath();
  for (const [x, y] of places) c.lineTo(x, y);
  if (kind === "zones") {
    c.closePath();
    c.globalAlpha = .15;
    c.fillStyle = colour;
    c.fill();
    c.globalAlpha = 1;
  }
  c.lineJoin = c.lineCap = "round";
  for (const [line, ink] of [[4 * unit, "rgba(10,12,16,.55)"], [2 * unit, colour]]) {
    c.lineWidth = line;
    c.strokeStyle = ink;
    c.stroke();
  }
  c.lineCap = "butt";
  const words = kind === "lines" ? `in ${counts?.in ?? 0}, out ${counts?.out ?? 0}` : `${counts?.now ?? 0} now`;
  const [[x1, y1], [x2, y2]] = places, at = kind === "lines" ? [x1 + (x2 - x1) / 8, y1 + (y2 - y1) / 8] : places[0];
  tag(c, canvas, `${name}: ${words}`, ...at, colour, unit);
}

// Below each box how fast and how far; a row that an analytic has by the id of a track.
function drawSpeeds(c, canvas, rows, tracks, unit) {
  for (const track of tracks.filter(wanted)) {
    const row = rows[track.id];
    if (typeof row?.kmh !== "number") continue;
    const far = typeof row.distance === "number" ? ` ${row.distance.toFixed(0)} m` : "";
    tag(c, canvas, `${row.kmh.toFixed(1)} km/h${far}`, track.box[0] * canvas.width, track.box[3] * canvas.height + 15 * unit, colourOf(track.id), unit);
  }
}
