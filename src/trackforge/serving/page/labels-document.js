// The labels of one sequence as the page knows them: which box is where, and what an answer of the server changes.

export class Labels {
  constructor(told) {
    this.take(told);
    this.pending = []; // boxes that are on their way to the server: {track, frame, xyxy}
  }
  // Take a whole document.
  take(told) {
    Object.assign(this, {name: told.name, sequence: told.sequence, rate: told.rate || 10, size: told.size, classes: told.classes, effort: told.effort, notes: told.notes});
    this.frames = Array.isArray(told.frames) ? told.frames : Array.from({length: told.frames.count}, (_, k) => told.frames.first + k * told.frames.step);
    this.places = new Map(this.frames.map((frame, place) => [frame, place]));
    this.wanted = told.wanted;
    this.checked = new Set(told.checked);
    this.tracks = new Map(told.tracks.map(track => [track.id, track]));
    this.state(told);
  }
  state({revision, undo, redo}) { Object.assign(this, {revision, undo, redo}); }
  // Take what an edit changed.
  change(told) {
    const {head, checked, tracks} = told.changed;
    this.state(told);
    for (const name of ["classes", "effort", "wanted", "notes"]) if (name in head) this[name] = head[name];
    for (const frame of checked.add) this.checked.add(frame);
    for (const frame of checked.drop) this.checked.delete(frame);
    for (const [id, track] of Object.entries(tracks)) {
      if (track) this.tracks.set(+id, track); else this.tracks.delete(+id);
    }
    this.tracks = new Map([...this.tracks].sort(([a], [b]) => a - b));
  }
  labelOf(track) { return this.classes[track.label] ?? String(track.label); }
  // The frames that people are asked to look at, and how many of them they have.
  get asked() { return this.wanted.length ? this.wanted : this.frames; }
  get done() { return this.asked.reduce((count, frame) => count + this.checked.has(frame), 0); }

  // The box of a track on a frame, {xyxy, keyframe, origin}; null where it is not seen. As on the server, in straight lines.
  box(track, frame) {
    const waiting = this.pending.findLast(one => one.track === track.id && one.frame === frame);
    if (waiting) return {xyxy: waiting.xyxy, keyframe: true, origin: "person"};
    const keys = track.keyframes, at = keyAt(keys, frame);
    if (at < 0 || keys[at].outside) return null;
    const key = keys[at], next = keys[at + 1];
    if (key.frame === frame || !next) return {xyxy: key.xyxy, keyframe: key.frame === frame, origin: key.origin, score: key.score};
    const share = (frame - key.frame) / (next.frame - key.frame);
    const origin = key.origin === "person" || (!next.outside && next.origin === "person") ? "person" : "model";
    return {xyxy: key.xyxy.map((v, k) => v + (next.xyxy[k] - v) * share), keyframe: false, origin, score: key.score};
  }
  // All boxes of a frame: [track, box].
  boxes(frame) {
    const found = [];
    for (const track of this.tracks.values()) {
      const box = this.box(track, frame);
      if (box) found.push([track, box]);
    }
    return found;
  }
  // From where to where a track is seen, as pairs of frames, both included.
  spans(track) {
    const spans = [];
    let first = null;
    for (const key of track.keyframes) {
      if (!key.outside) first ??= key.frame;
      else if (first !== null) { spans.push([first, this.before(key.frame)]); first = null; }
    }
    if (first !== null) spans.push([first, this.frames[this.frames.length - 1]]);
    return spans;
  }
  before(frame) { return this.frames[Math.max(0, (this.places.get(frame) ?? 0) - 1)]; }
  // The next frame that somebody should look at, after a frame, in the order of the film; null where all are done.
  next(frame) {
    const left = this.asked.filter(one => !this.checked.has(one)).sort((a, b) => a - b);
    return left.find(one => one > frame) ?? left[0] ?? null;
  }
}

// The place of the last keyframe at or before a frame; -1 before the first.
function keyAt(keys, frame) {
  let low = 0, high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle].frame <= frame) low = middle + 1; else high = middle;
  }
  return low - 1;
}
