// What is drawn: the switches and sliders beside the picture, for films and cameras alike.

import {$, element} from "./parts.js";
import {idFilter} from "./ids.js";

const MOST_BOXES_OF_CLASSES = 12;
const SWITCHES = ["boxes", "ids", "classes", "scores"], SLIDERS = ["least", "trail", "line"];

export const look = {boxes: true, ids: true, classes: false, scores: false, least: 0, trail: 30, line: 2, only: null, hidden: new Set()};

const listeners = [];
export const onLook = listener => listeners.push(listener);

export const wanted = track => track.score >= look.least && (!look.only || look.only(track.id)) && !look.hidden.has(track.label);

function read() {
  for (const name of SWITCHES) look[name] = $(name).checked;
  for (const name of SLIDERS) look[name] = +$(name).value;
  look.only = idFilter($("only").value);
  look.hidden = new Set([...$("labels").querySelectorAll("input:not(:checked)")].flatMap(box => box.labelsMeant));
  $("least-told").textContent = look.least.toFixed(2);
  $("trail-told").textContent = look.trail ? `${look.trail} frames` : "none";
  $("line-told").textContent = look.line.toFixed(1);
}

function changed() {
  read();
  for (const listener of listeners) listener();
}

let offered = "";
// Offer a box to tick for each class that there is; where there are very many, the last one stands for all others.
export function offerClasses(names) {
  const host = $("labels"), text = JSON.stringify(names);
  if (text === offered) return;
  offered = text;
  const hidden = look.hidden, groups = names.map(name => [name, [name]]);
  if (groups.length > MOST_BOXES_OF_CLASSES) {
    const rest = groups.splice(MOST_BOXES_OF_CLASSES - 1).map(([name]) => name);
    groups.push([`${rest.length} others`, rest]);
  }
  host.replaceChildren(host.querySelector("legend"), ...groups.map(([name, meant]) => {
    const box = element("input", {type: "checkbox", checked: !meant.every(one => hidden.has(one)), onchange: changed});
    box.labelsMeant = meant;
    return element("label", {}, box, element("span", {}, name));
  }));
  host.hidden = groups.length < 2;
  read();
}

export function flip(name) {
  $(name).checked = !$(name).checked;
  changed();
}

for (const name of [...SWITCHES, ...SLIDERS, "only"]) $(name).addEventListener("input", changed);
read();
