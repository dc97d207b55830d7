// The page itself: which view is shown, what the server runs, keys, and the door with the token.

import {Cameras} from "./cameras.js";
import {Films} from "./films.js";
import {Checking} from "./labels.js";
import {flip} from "./look.js";
import {$, alert, say, short, wait} from "./parts.js";
import {askWith, json} from "./server.js";

const STATES = {loading: "loading …", ready: "ready", failed: "failed", draining: "closing", closed: "closed"};
const POLL = [1000, 10000]; // milliseconds: while it loads, and after

askWith(refused => new Promise(done => {
  const door = $("door");
  say($("door-told"), refused ? "That was not it. Try again." : "It was printed, or set, where the server was started.");
  door.addEventListener("close", () => { const given = $("token").value; $("token").value = ""; done(given); }, {once: true});
  door.addEventListener("cancel", event => event.preventDefault());
  door.showModal();
}));

const facts = {}; // of the server; the views look into it

function tellServer() {
  const state = STATES[facts.state] ?? facts.state, model = short((facts.model || "").split(/[\\/]/).pop(), 32), parts = [facts.detector, model, facts.tracker, state];
  $("server").dataset.state = facts.state;
  say($("server"), parts.filter(Boolean).join(" · "));
  for (const part of ["address", "name"]) $(part).disabled = facts.cameras === false;
  $("add").querySelector("[type=submit]").disabled = facts.cameras === false;
  $("closed").hidden = facts.cameras !== false;
  if (facts.labels && $("labels-link").hidden) {
    $("labels-link").hidden = false;
    if (!location.hash) { location.replace("#labels"); show(); }
  }
  if (facts.state === "failed") alert("The detector could not be loaded; the server’s log says why.");
}

async function watchServer() {
  for (;;) {
    try {
      Object.assign(facts, await json("v1/server"));
      tellServer();
    } catch (error) {
      $("server").dataset.state = "failed";
      say($("server"), error.message);
    }
    await wait(POLL[facts.state === "loading" ? 0 : 1]);
  }
}

const films = new Films(facts), cameras = new Cameras(), checking = new Checking();

function show() {
  const view = /^#(cameras|labels)\b/.exec(location.hash)?.[1] ?? "video", live = view === "cameras", other = view !== "video";
  $("video").hidden = other;
  $("cameras").hidden = !live;
  $("checking").hidden = view !== "labels";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (other) films.player.pause();
  $("keys").hidden = other;
  cameras.show(live);
  checking.show(view === "labels");
  films.tell();
}
addEventListener("hashchange", show);
for (const link of document.querySelectorAll("nav a")) link.addEventListener("click", () => $("alerts").replaceChildren());

const {player} = films, keys = {
  " ": () => player.toggle(),
  "ArrowRight": event => player.step(event.shiftKey ? 10 : 1),
  "ArrowLeft": event => player.step(event.shiftKey ? -10 : -1),
  ".": () => player.step(1), ",": () => player.step(-1),
  "Home": () => player.toEnd(false), "End": () => player.toEnd(true),
  "Escape": () => player.choose(null),
};
const drawn = {b: "boxes", i: "ids", c: "classes", s: "scores"};

// Who clicks with a mouse means the film by the space bar again; who came by the tab key keeps the focus.
document.addEventListener("click", event => { if (event.detail && event.target.matches("button, input[type=checkbox], input[type=range]")) event.target.blur(); });
document.addEventListener("keydown", event => {
  const {target, key} = event, moves = ["ArrowLeft", "ArrowRight", "Home", "End"].includes(key);
  if (event.ctrlKey || event.metaKey || (event.altKey && $("checking").hidden) || document.querySelector("dialog[open]")) return;
  if (target.matches("input:not([type=checkbox], [type=range]), select, textarea")) return; // typing
  if (moves && target.matches("[type=range]:not(#seek), .table")) return; // the slider of the film steps by frames, too
  if (key === " " && target.matches("button, [type=checkbox], a, .table")) return;
  if (!$("checking").hidden) {
    if (checking.key(event)) event.preventDefault();
    return;
  }
  if (drawn[key]) return flip(drawn[key]);
  if ($("video").hidden || !films.shown || !keys[key]) return;
  event.preventDefault();
  keys[key](event);
});

show();
watchServer();
films.known().catch(error => alert(error.message));
