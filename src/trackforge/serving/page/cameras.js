// Live cameras in a grid: those of the server, and this device's own.

import {$, alert, element, plain, wait} from "./parts.js";
import {address, call, json} from "./server.js";
import {CameraStream} from "./streams.js";
import {Tile} from "./tile.js";
import {Webcam} from "./webcam.js";

const POLL = 2000;

export class Cameras {
  constructor() {
    this.tiles = new Map(); // id of the camera: {tile, stream}
    this.removed = new Set(); // ids that a list, asked for before, may still name
    this.webcam = null;
    this.seen = false;
    $("add").addEventListener("submit", event => { event.preventDefault(); this.add(); });
    $("webcam").addEventListener("click", () => this.own());
    document.addEventListener("visibilitychange", () => this.look());
    this.poll();
  }
  get looking() { return this.seen && !document.hidden; }
  // Whether the grid is in view: pictures are fetched only while somebody looks.
  show(seen) {
    this.seen = seen;
    this.look();
    this.tell();
    if (seen) { Tile.offer(); this.refresh().catch(error => alert(error.message)); }
  }
  look() { for (const {stream} of this.tiles.values()) stream?.pause(!this.looking); }
  async poll() {
    for (;;) {
      await wait(POLL);
      if (this.looking) await this.refresh().catch(() => {});
    }
  }
  async refresh() {
    const cameras = (await json("v1/cameras")).cameras, there = new Set(cameras.map(camera => camera.id));
    for (const id of this.tiles.keys()) if (!there.has(id)) this.drop(id);
    for (const camera of cameras) this.put(camera);
    this.tell();
  }
  put(camera) {
    if (this.removed.has(camera.id)) return;
    if (!this.tiles.has(camera.id)) {
      const tile = new Tile(camera.name || camera.address || "camera", () => this.remove(camera.id), `v1/cameras/${camera.id}`);
      if (camera.address) tile.root.title = camera.address;
      const entry = {tile, stream: null};
      this.tiles.set(camera.id, entry);
      $("tiles").append(tile.root);
      entry.stream = new CameraStream(camera.id, {
        picture: (picture, step) => { tile.draw(picture, picture.width, picture.height, step); },
        state: state => tile.tell(state),
        wanted: () => !["failed", "ended"].includes(tile.root.dataset.state),
        vain: () => this.asFilm(camera.id, tile),
      });
      entry.stream.pause(!this.looking);
    }
    const {tile} = this.tiles.get(camera.id), now = tile.root.dataset.state;
    tile.tell(camera.state !== "live" && now !== "drawn" ? camera.state : now, camera);
  }
  // Without a socket: pictures of the server one after another, its boxes drawn in.
  asFilm(id, tile) {
    const picture = element("img", {alt: tile.canvas.getAttribute("aria-label"), src: address(`v1/cameras/${id}/stream.mjpeg`).href, onerror: () => tile.tell("failed", {why: "No picture comes."})});
    tile.canvas.replaceWith(picture);
    tile.tell("drawn");
  }
  drop(id) {
    const {tile, stream} = this.tiles.get(id);
    this.tiles.delete(id);
    stream.end();
    tile.root.querySelector("img")?.removeAttribute("src");
    tile.root.remove();
  }
  async add() {
    const body = {address: $("address").value.trim()}, name = plain($("name").value.trim());
    if (name) body.name = name;
    const button = $("add").querySelector("[type=submit]");
    button.disabled = true;
    try {
      await call("v1/cameras", {method: "POST", body});
      $("add").reset();
      await this.refresh();
    } catch (error) {
      alert(error.message);
    } finally {
      button.disabled = false;
    }
  }
  async remove(id) {
    this.removed.add(id);
    if (this.tiles.has(id)) this.drop(id);
    this.tell();
    await call(`v1/cameras/${id}`, {method: "DELETE"}).catch(error => { if (error.status !== 404) alert(error.message); });
  }
  async own() {
    if (this.webcam) return;
    $("webcam").disabled = true;
    const gone = () => { this.webcam = null; $("webcam").disabled = false; this.tell(); };
    try {
      this.webcam = await Webcam.open(gone);
      $("tiles").prepend(this.webcam.tile.root);
    } catch (error) {
      gone();
      alert(error.message);
    }
    this.tell();
  }
  tell() {
    const some = this.tiles.size > 0 || Boolean(this.webcam);
    $("no-cameras").hidden = some;
    if (this.seen) $("side").hidden = !some;
  }
}
