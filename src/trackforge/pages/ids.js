"use strict";
// Of ids, for every page that draws tracks: a plain script, which the server of live pages turns into a module.

// The same colours as in the films that trackforge draws: hues by the golden ratio, of a middling brightness.
const colours = new Map();
function colourOf(id) {
  if (id < 0) return "rgb(150,160,175)";
  if (!colours.has(id)) {
    const hue = (id * 0.6180339887498949) % 1, saturation = [0.85, 0.65, 1][id % 3], wanted = [0.55, 0.68, 0.5][id % 3];
    const sector = Math.floor(hue * 6), part = hue * 6 - sector;
    const p = 1 - saturation, q = 1 - part * saturation, t = 1 - (1 - part) * saturation;
    let rgb = [[1, t, p], [q, 1, p], [p, 1, t], [p, q, 1], [t, p, 1], [1, p, q]][sector % 6];
    const luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    rgb = rgb.map(v => luma > wanted ? v * wanted / luma : v + (1 - v) * (wanted - luma) / (1 - luma));
    colours.set(id, `rgb(${rgb.map(v => Math.round(255 * v)).join(",")})`);
  }
  return colours.get(id);
}

// "3, 7, 10-20" as a test of ids; null for all.
function idFilter(text) {
  const parts = text.split(/[\s,;]+/).filter(Boolean).map(word => /^(\d+)(?:-(\d+))?$/.exec(word)).filter(Boolean);
  if (!parts.length) return null;
  return id => parts.some(part => id >= +part[1] && id <= +(part[2] ?? part[1]));
}
