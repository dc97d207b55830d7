// A film as the browser plays it, which tells of each picture when it is there, and by its very time stamp where the
// browser says that (requestVideoFrameCallback), else by the film's clock. Times are those of the tracker: its first frame
// and the browser's are one, wherever their clocks begin.

const LATE = 300; // milliseconds after which no other picture is waited for

export class Footage {
  // `told` hears of a `picture`, when it is `sized` and `ready`, `ended` or `failed`.
  constructor(told) {
    this.told = told;
    this.start = null; // time of the tracker's first frame
    const video = this.video = document.createElement("video");
    Object.assign(video, {muted: true, playsInline: true, preload: "auto"});
    this.exact = "requestVideoFrameCallback" in video;
    this.close();
    const follow = () => video.requestVideoFrameCallback((_, facts) => { this.came(facts.mediaTime); follow(); });
    if (this.exact) follow();
    video.addEventListener("loadedmetadata", () => told.sized());
    video.addEventListener("loadeddata", () => {
      if (this.owed !== null) this.came(this.owed);
      else if (this.raw === null) this.show(video.currentTime);
      told.ready();
    });
    video.addEventListener("seeked", () => {
      if (this.owed !== null) return this.settle(this.owed);
      this.byClock();
      setTimeout(() => { if (!this.seeking) this.byClock(); }, LATE); // some show the new picture a little later
    });
    video.addEventListener("ended", () => told.ended());
    video.addEventListener("error", () => { if (video.getAttribute("src")) { this.failed = true; told.failed(); } });
  }
  open(url) {
    this.close();
    if (url) this.video.src = url;
    else this.video.removeAttribute("src");
    this.video.load();
  }
  close() {
    this.raw = null; // time stamp, as the browser counts, of the picture that was told of
    this.first = null; // and of the first one
    this.owed = null; // and of one that could not be told of yet
    this.moved = this.failed = false;
  }
  // Whether there is a film that the browser plays, and whether it shows a picture now.
  get pictured() { return this.video.hasAttribute("src") && !this.failed; }
  get usable() { return this.pictured && this.video.readyState >= 2; }
  get size() { return this.pictured && this.video.videoWidth ? [this.video.videoWidth, this.video.videoHeight] : null; }
  get shift() { return this.first === null || this.start === null ? 0 : this.first - this.start; }
  get duration() { return this.pictured && Number.isFinite(this.video.duration) ? this.video.duration - this.shift : 0; }
  get time() { return this.raw === null ? 0 : this.raw - this.shift; }
  // Seconds that the film's clock says, which are within the time of a picture.
  get now() { return this.video.currentTime - this.shift; }
  get running() { return !this.video.paused; }
  get seeking() { return this.video.seeking; }

  seek(time) {
    this.moved = true;
    const last = Number.isFinite(this.video.duration) ? this.video.duration : Infinity;
    this.video.currentTime = Math.max(0, Math.min(time + this.shift, last));
  }
  async play() {
    const played = this.video.play();
    if (!this.exact) this.follow();
    await played;
  }
  pause() { this.video.pause(); }
  pace(rate) { this.video.playbackRate = this.video.defaultPlaybackRate = rate; }

  // A picture is there. While the film is on its way to it, it cannot be copied yet: that is owed then.
  came(raw) {
    if (!this.moved) this.first ??= raw;
    this.owed = raw;
    if (this.usable) this.show(raw);
  }
  show(raw) {
    this.owed = null;
    this.raw = raw;
    this.told.picture();
  }
  // The film has arrived. What is owed may be the picture of a place before, whose successor will be told of soon.
  settle(raw) {
    if (this.told.same(raw - this.shift, this.now)) return this.came(raw);
    setTimeout(() => { if (this.owed === raw && !this.seeking) this.came(raw); }, LATE);
  }
  byClock() { if (!this.exact && this.usable) this.show(this.told.began(this.now) + this.shift); }
  follow() { requestAnimationFrame(() => { if (this.running) { this.byClock(); this.follow(); } }); }
}
