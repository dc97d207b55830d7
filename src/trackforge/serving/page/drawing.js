// Boxes, tags and trails on a canvas that holds the picture already.

import {colourOf} from "./ids.js";
import {look, wanted} from "./look.js";
import {short} from "./parts.js";

// Draw the tracks of a frame; `past(n)` gives those of n frames before, or null where there is none. Returns how many.
export function drawTracks(canvas, tracks, past, chosen = null) {
  const c = canvas.getContext("2d"), unit = Math.max(1, canvas.width / 640), shown = tracks.filter(wanted);
  if (look.trail) drawTrails(c, canvas, shown, past, unit, chosen);
  c.globalAlpha = 1;
  for (const track of shown) drawTrack(c, canvas, track, unit, chosen);
  c.globalAlpha = 1;
  return shown.length;
}

function drawTrack(c, canvas, track, unit, chosen) {
  const [x1, y1, x2, y2] = corners(canvas, track.box), colour = colourOf(track.id), width = look.line * unit / 1.4;
  c.globalAlpha = chosen === null || chosen === track.id ? 1 : 0.3;
  if (look.boxes) edge(c, x1, y1, x2, y2, colour, width);
  const words = [];
  if (look.ids) words.push(String(track.id));
  if (look.classes) words.push(short(track.label, 32));
  if (look.scores) words.push(track.score.toFixed(2));
  if (words.length) tag(c, canvas, words.join(" "), x1 - width / 2, y1 - width / 2, colour, unit);
}

export function edge(c, x1, y1, x2, y2, colour, width) {
  c.lineJoin = "miter";
  c.lineWidth = width + 2;
  c.strokeStyle = "rgba(10,12,16,.55)"; // an edge that keeps it visible on every picture
  c.strokeRect(x1, y1, x2 - x1, y2 - y1);
  c.lineWidth = width;
  c.strokeStyle = colour;
  c.strokeRect(x1, y1, x2 - x1, y2 - y1);
}

export function tag(c, canvas, text, x, y, colour, unit) {
  const size = 10.5 * unit;
  c.font = `600 ${size}px system-ui, "DejaVu Sans", sans-serif`;
  c.textAlign = "left";
  const width = c.measureText(text).width + 5 * unit, top = Math.max(0, y - size - 3 * unit);
  const left = Math.max(0, Math.min(x, canvas.width - width));
  c.fillStyle = colour;
  c.fillRect(left, top, width, size + 3 * unit);
  c.lineWidth = 2.2 * unit;
  c.strokeStyle = "rgba(10,12,16,.75)";
  c.lineJoin = "round";
  c.strokeText(text, left + 2.5 * unit, top + size);
  c.fillStyle = "#fff";
  c.fillText(text, left + 2.5 * unit, top + size);
}

function drawTrails(c, canvas, shown, past, unit, chosen) {
  const ways = new Map(shown.map(track => [track.id, [foot(canvas, track)]]));
  for (let back = 1; back <= look.trail; back++) {
    const tracks = past(back);
    if (!tracks) break;
    for (const track of tracks) ways.get(track.id)?.push(foot(canvas, track));
  }
  c.lineJoin = c.lineCap = "round";
  c.lineWidth = 0.7 * look.line * unit;
  for (const [id, way] of ways) {
    if (way.length < 2) continue;
    c.strokeStyle = colourOf(id);
    c.globalAlpha = chosen === null || chosen === id ? 0.8 : 0.2;
    c.beginPath();
    for (const [x, y] of way) c.lineTo(x, y);
    c.stroke();
  }
  c.lineCap = "butt";
}

function corners(canvas, box) {
  return [box[0] * canvas.width, box[1] * canvas.height, box[2] * canvas.width, box[3] * canvas.height];
}

function foot(canvas, track) {
  return [(track.box[0] + track.box[2]) / 2 * canvas.width, track.box[3] * canvas.height];
}

// The id at a point (in parts of the picture's size), the smallest box first; null for none.
export function hit(tracks, x, y) {
  let best = null, least = Infinity;
  for (const track of tracks.filter(wanted)) {
    const [x1, y1, x2, y2] = track.box, area = (x2 - x1) * (y2 - y1);
    if (x >= x1 && x <= x2 && y >= y1 && y <= y2 && area < least) { best = track.id; least = area; }
  }
  return best;
}

// Make a canvas as fine as the screen, in the shape of the picture. Returns whether it changed.
export function fit(canvas, width, height) {
  const wide = Math.round(canvas.clientWidth * devicePixelRatio), high = Math.round(wide * height / width);
  if (!wide || (canvas.width === wide && canvas.height === high)) return false;
  canvas.width = wide;
  canvas.height = high;
  return true;
}
