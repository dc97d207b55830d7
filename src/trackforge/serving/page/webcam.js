// This device's own camera: its pictures go to a session of the server, one at a time, and come back as tracks.

import {alert} from "./parts.js";
import {call, json} from "./server.js";
import {SessionStream} from "./streams.js";
import {Tile} from "./tile.js";

const LONGEST = 960, QUALITY = 0.8;

export class Webcam {
  // Ask for the camera and open a session; `gone` is called when it is over.
  static async open(gone) {
    if (!navigator.mediaDevices) throw new Error("A browser gives its camera to pages of https:// or of this machine only. Open the page as http://localhost, or give the server a certificate.");
    let media;
    try {
      media = await navigator.mediaDevices.getUserMedia({video: {width: {ideal: 960}}});
    } catch (error) {
      throw new Error(error.name === "NotAllowedError" ? "The browser did not allow this page to use the camera." : `This device’s camera cannot be used: ${error.message}.`);
    }
    try {
      const session = await json("v1/sessions", {method: "POST", body: {name: "webcam", policy: "newest"}});
      return new Webcam(media, session.id, gone);
    } catch (error) {
      for (const track of media.getTracks()) track.stop();
      throw error;
    }
  }
  constructor(media, session, gone) {
    Object.assign(this, {media, session, gone, ended: false});
    this.video = document.createElement("video");
    Object.assign(this.video, {muted: true, playsInline: true, srcObject: media});
    this.video.play();
    this.tile = new Tile("this device", () => this.end(), `v1/sessions/${session}`);
    this.sent = document.createElement("canvas");
    media.getVideoTracks()[0].addEventListener("ended", () => this.end("The camera of this device was switched off."));
    this.stream = new SessionStream(session, {
      grab: () => this.grab(),
      step: step => this.tile.draw(this.sent, this.sent.width, this.sent.height, step),
      problem: words => alert(words),
      closed: reason => this.end(reason || "The server closed the session of this device’s camera."),
    });
  }
  // The picture that is sent is kept, for it is the one that the answer's boxes belong to.
  async grab() {
    const {videoWidth: width, videoHeight: height} = this.video;
    if (!width || document.hidden) return null;
    const share = Math.min(1, LONGEST / Math.max(width, height));
    this.sent.width = Math.round(share * width);
    this.sent.height = Math.round(share * height);
    this.sent.getContext("2d").drawImage(this.video, 0, 0, this.sent.width, this.sent.height);
    return new Promise(done => this.sent.toBlob(done, "image/jpeg", QUALITY));
  }
  end(reason = "") {
    if (this.ended) return;
    this.ended = true;
    this.stream.end();
    for (const track of this.media.getTracks()) track.stop();
    this.tile.root.remove();
    if (reason) alert(reason);
    call(`v1/sessions/${this.session}`, {method: "DELETE"}).catch(() => {});
    this.gone();
  }
}
