// Lines, zones and the ground, clicked on a still; what they come to, as flags and as settings.
"use strict";
const $ = id => document.getElementById(id);
const known = JSON.parse($("known").textContent);
const NS = "http://www.w3.org/2000/svg";
const KINDS = {
  line: {least: 2, most: 2, told: "Click the start and the end of a line. Walking from start to end, who comes from your right hand goes in."},
  zone: {least: 3, most: 1000, told: "Click the corners of a zone; Enter, or its first corner, closes it."},
  ground: {least: 4, most: 4, told: "Click four points of the ground whose distances you know: of a rectangle the far left, far right, near right and near left corner."},
};
const svg = $("picture"), layer = $("shapes");
let shapes = [], open = null, kind = "line", dragged = null, past = [];

function node(name, attributes, parent) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function remember() { past.push(JSON.stringify([shapes, open])); past = past.slice(-200); }

function undo() {
  if (!past.length) return;
  [shapes, open] = JSON.parse(past.pop());
  draw();
}

const scale = () => known.width / Math.max(svg.getBoundingClientRect().width, 1);
const clamped = ([x, y]) => [Math.min(Math.max(x, 0), known.width), Math.min(Math.max(y, 0), known.height)];

function placeOf(event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return clamped([Math.round(point.x * 10) / 10, Math.round(point.y * 10) / 10]);
}

function free(stem) {
  const taken = new Set(shapes.map(one => one.name));
  for (let number = 1; ; number++) if (!taken.has(`${stem} ${number}`)) return `${stem} ${number}`;
}

function click(place, near) {
  if (near && open && near.shape === open && near.row === 0 && open.points.length >= KINDS[open.kind].least) return close();
  remember();
  if (!open) {
    if (kind === "ground") shapes = shapes.filter(one => one.kind !== "ground");
    open = {kind, name: kind === "ground" ? "ground" : free(kind), points: [], rectangle: true, width: 10, depth: 10,
      metres: [[0, 10], [10, 10], [10, 0], [0, 0]]};
  }
  open.points.push(place);
  if (open.points.length === KINDS[open.kind].most) finish();
  draw();
}

function finish() { shapes.push(open); open = null; }

function close() {
  if (!open || open.points.length < KINDS[open.kind].least) return;
  remember();
  finish();
  draw();
}

const word = (value, side) => $("shares").checked ? `${+(100 * value / side).toFixed(2)}%` : `${+value.toFixed(1)}`;
const point = ([x, y]) => `${word(x, known.width)},${word(y, known.height)}`;
const path = one => one.points.map(point).join(" ");
const quoted = text => `"${text.replace(/["\\$`]/g, sign => "\\" + sign)}"`;
const string = text => `"${text.replace(/["\\]/g, sign => "\\" + sign)}"`;
const named = one => one.name.replace(/[=;]/g, " ").trim() || one.kind;

function texts() {
  const flags = [], toml = [];
  for (const name of ["line", "zone"]) {
    const those = shapes.filter(one => one.kind === name);
    those.forEach(one => flags.push(`--${name} ${quoted(`${named(one)}=${path(one)}`)}`));
    if (those.length) toml.push(`[analytics.${name}s]\n${name}s = ${string(those.map(one => `${named(one)}=${path(one)}`).join("; "))}\n`);
  }
  const ground = shapes.find(one => one.kind === "ground");
  if (ground && ground.rectangle) {
    flags.push(`--ground ${quoted(`${path(ground)}=${ground.width}x${ground.depth}`)}`);
    toml.push(`[analytics.ground]\npoints = ${string(path(ground))}\nrectangle = [${ground.width}, ${ground.depth}]\n`);
  } else if (ground) {
    flags.push(`--ground ${quoted(ground.points.map((one, row) => `${point(one)}=${ground.metres[row].join(",")}`).join(" "))}`);
    toml.push(`[analytics.ground]\npoints = ${string(path(ground))}\nmetres = ${string(ground.metres.map(one => one.join(",")).join(" "))}\n`);
  }
  $("flags").value = flags.join(" \\\n");
  $("toml").value = toml.join("\n");
}

function drawn(one) {
  const s = scale(), group = node("g", {class: `shape ${one.kind}${one === open ? " open" : ""}`}, layer);
  const closed = one !== open && one.kind !== "line";
  const d = "M" + one.points.map(pair => pair.join(" ")).join("L") + (closed ? "Z" : "");
  node("path", {d, class: "edge"}, group);
  node("path", {d, class: "body"}, group);
  if (one.kind === "line" && one.points.length === 2) inward(one, group, s);
  one.points.forEach(([x, y], row) => {
    const dot = node("circle", {cx: x, cy: y, r: 6 * s, class: "dot", tabindex: 0, role: "button", "aria-label": `${one.name}, point ${row + 1}`}, group);
    dot.of = {shape: one, row};
    if (one.kind === "ground") label(`${row + 1}`, x + 9 * s, y - 9 * s, group, s);
  });
  if (one !== open && one.kind !== "ground") {
    const share = one.kind === "line" ? [.88, .12] : one.points.map(() => 1 / one.points.length);
    const [x, y] = one.points.reduce(([a, b], [c, e], row) => [a + c * share[row], b + e * share[row]], [0, 0]);
    label(one.name, x + 10 * s, y + 5 * s, group, s);
  }
}

function label(text, x, y, parent, s) {
  node("text", {x, y, class: "text", "font-size": 15 * s, "stroke-width": 3 * s}, parent).textContent = text;
}

// The arrow points to the side on which who crosses has gone in: the left hand of who walks along the line.
function inward(one, group, s) {
  const [[x1, y1], [x2, y2]] = one.points, long = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [nx, ny] = [(y2 - y1) / long, (x1 - x2) / long], [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const at = (along, across) => `${mx + nx * along * s + ny * across * s},${my + ny * along * s - nx * across * s}`;
  node("polygon", {points: [at(26, 0), at(12, 8), at(12, -8)].join(" "), class: "head"}, group);
  label("in", mx + nx * 34 * s - 6 * s, my + ny * 34 * s + 5 * s, group, s);
}

function number(value, told, change) {
  const field = element("input", {type: "number", step: "any", value, title: told, ariaLabel: told});
  field.addEventListener("input", () => { if (field.value !== "" && Number.isFinite(+field.value)) { change(+field.value); texts(); } });
  return field;
}

function listed(one) {
  const item = element("li", {className: one.kind}), row = element("div", {className: "row"});
  if (one.kind === "ground") row.append(element("strong", {textContent: "ground"}));
  else {
    const field = element("input", {className: "name", value: one.name, maxLength: 100, ariaLabel: `Name of ${one.name}`});
    field.addEventListener("input", () => { one.name = field.value; drawAll(); texts(); });
    row.append(field);
  }
  const kindOf = element("span", {className: "kind", textContent: one.kind === "ground" ? "" : one.kind});
  if (one.kind === "line") {
    const turn = element("button", {type: "button", textContent: "Turn", title: "Change in and out"});
    turn.addEventListener("click", () => { remember(); one.points.reverse(); draw(); });
    row.append(kindOf, turn);
  } else row.append(kindOf);
  const away = element("button", {type: "button", textContent: "Delete", ariaLabel: `Delete ${one.name}`});
  away.addEventListener("click", () => { remember(); shapes = shapes.filter(other => other !== one); draw(); });
  row.append(away);
  item.append(row);
  if (one.kind === "ground") item.append(...metres(one));
  return item;
}

function metres(one) {
  const box = element("input", {type: "checkbox", checked: one.rectangle});
  box.addEventListener("change", () => { remember(); one.rectangle = box.checked; draw(); });
  const fields = element("div", {className: "metres"});
  if (one.rectangle) fields.append("metres",
    number(one.width, "Width in metres, from left to right", value => { one.width = value; }),
    number(one.depth, "Depth in metres, from near to far", value => { one.depth = value; }));
  else one.metres.forEach((pair, row) => fields.append(`${row + 1}`,
    number(pair[0], `x of point ${row + 1} in metres`, value => { pair[0] = value; }),
    number(pair[1], `y of point ${row + 1} in metres`, value => { pair[1] = value; })));
  return [element("label", {}, box, " corners of a rectangle: width, depth"), fields];
}

function drawAll() { layer.replaceChildren(); shapes.forEach(drawn); if (open) drawn(open); }

function draw() {
  drawAll();
  $("list").replaceChildren(...shapes.map(listed));
  const wanted = open ? KINDS[open.kind].least - open.points.length : 0;
  $("told").textContent = KINDS[kind].told + (wanted > 0 ? ` ${wanted} more.` : "");
  texts();
}

function choose(next) {
  kind = next;
  if (open) { remember(); open = null; }
  for (const name of Object.keys(KINDS)) $(name).setAttribute("aria-pressed", String(name === kind));
  draw();
}

function size(name) {
  for (const one of ["fit", "whole", "double"]) $(one).setAttribute("aria-pressed", String(one === name));
  svg.setAttribute("class", name);
  if (name === "fit") { svg.removeAttribute("width"); svg.style.removeProperty("width"); }
  else svg.style.setProperty("width", `${known.width * (name === "double" ? 2 : 1)}px`);
  draw();
}

svg.addEventListener("pointerdown", event => {
  if (event.button) return;
  const near = event.target.of;
  const closes = near && near.shape === open && near.row === 0;
  if (near && !closes) { remember(); dragged = near; svg.setPointerCapture(event.pointerId); return; }
  click(placeOf(event), near);
});
svg.addEventListener("pointermove", event => {
  const [x, y] = placeOf(event);
  $("place").textContent = `${x.toFixed(1)}, ${y.toFixed(1)}`;
  if (!dragged) return;
  dragged.shape.points[dragged.row] = [x, y];
  drawAll();
  texts();
});
for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, () => { if (dragged) { dragged = null; draw(); } });
document.addEventListener("keydown", event => {
  const dot = event.target.of, typing = event.target.matches && event.target.matches("input, textarea");
  if (dot && event.key.startsWith("Arrow")) {
    event.preventDefault();
    remember();
    const step = event.shiftKey ? 10 : 1, pair = dot.shape.points[dot.row];
    const moves = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]}[event.key];
    dot.shape.points[dot.row] = clamped([pair[0] + moves[0], pair[1] + moves[1]]);
    const place = [shapes.indexOf(dot.shape), dot.row];
    draw();
    const again = [...layer.querySelectorAll(".dot")].find(one => shapes.indexOf(one.of.shape) === place[0] && one.of.row === place[1]);
    if (again) again.focus();
  } else if (typing) return;
  else if (event.key === "Enter") close();
  else if (event.key === "Escape" && open) { remember(); open = null; draw(); }
  else if (event.key === "z" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); undo(); }
});
for (const name of Object.keys(KINDS)) $(name).addEventListener("click", () => choose(name));
for (const name of ["fit", "whole", "double"]) $(name).addEventListener("click", () => size(name));
$("undo").addEventListener("click", undo);
$("shares").addEventListener("change", texts);
for (const button of document.querySelectorAll("[data-copies]")) button.addEventListener("click", async () => {
  const field = $(button.dataset.copies);
  field.select();
  try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand("copy"); }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});
new ResizeObserver(drawAll).observe(svg);

for (const one of known.shapes || []) shapes.push({rectangle: true, width: 10, depth: 10, metres: [[0, 10], [10, 10], [10, 0], [0, 0]], ...one});
choose("line");
