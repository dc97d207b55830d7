// The tracks of one film, frame by frame, as they come in; 26 bytes a box, so that hours of film fit.

const FIRST_ROOM = 1024;

export const labelOf = track => track.class ?? track.class_name ?? `class ${track.class_id}`;

export class Steps {
  constructor() {
    this.numbers = []; // of the frames, as the server counts them
    this.times = []; // seconds since the first
    this.begins = [0]; // the first row of each frame, and the row after the last
    this.names = []; // of the classes that have come
    this.size = null; // [width, height] in pixels of the boxes
    this.ids = new Map(); // id: where it begins and ends, how sure it was at best, how often it had which class
    this.rate = null;
    this.room = 0;
    this.codes = new Map();
    this.grow();
  }
  get count() { return this.numbers.length; }
  get last() { return this.count ? this.numbers[this.count - 1] : -1; }
  get end() { return this.count ? this.times[this.count - 1] : 0; }
  // Seconds from one frame to the next, as far as is known.
  get interval() {
    if (this.count > 1) return Math.max(1e-3, (this.end - this.times[0]) / (this.count - 1));
    return 1 / (this.rate || 25);
  }
  grow() {
    const room = this.room ? 2 * this.room : FIRST_ROOM;
    for (const [name, Kind, width] of [["id", Float64Array, 1], ["box", Float32Array, 4], ["score", Float32Array, 1], ["label", Uint16Array, 1]]) {
      const made = new Kind(width * room);
      if (this.room) made.set(this[name]);
      this[name] = made;
    }
    this.room = room;
  }
  code(label) {
    if (!this.codes.has(label)) { this.codes.set(label, Math.min(this.names.length, 65535)); this.names.push(label); }
    return this.codes.get(label);
  }
  // Take a line of the server; one that is here already is no news, so a stream may be begun again.
  add(line) {
    if (line.frame <= this.last) return;
    this.size ??= [line.width || 1, line.height || 1];
    const place = this.count;
    this.numbers.push(line.frame);
    this.times.push(line.timestamp ?? line.frame / (this.rate || 25));
    let row = this.begins[place];
    for (const track of line.tracks) {
      if (row >= this.room) this.grow();
      const label = this.code(labelOf(track));
      this.id[row] = track.track_id;
      this.box.set(track.xyxy, 4 * row);
      this.score[row] = track.score;
      this.label[row] = label;
      row++;
      let known = this.ids.get(track.track_id);
      if (!known) this.ids.set(track.track_id, known = {id: track.track_id, first: place, last: place, count: 0, best: -Infinity, labels: new Map()});
      known.last = place;
      known.count++;
      known.best = Math.max(known.best, track.score);
      known.labels.set(label, (known.labels.get(label) || 0) + 1);
    }
    this.begins.push(row);
  }
  // How many frames begin at a time or before.
  begun(time) {
    let low = 0, high = this.count;
    while (low < high) { const middle = (low + high) >> 1; if (this.times[middle] <= time) low = middle + 1; else high = middle; }
    return low;
  }
  // The frame that has a time stamp, but for rounding; -1 where none is known that near.
  at(time) {
    const low = this.begun(time);
    const after = low < this.count ? this.times[low] - time : Infinity, before = low ? time - this.times[low - 1] : Infinity;
    const place = after < before ? low : low - 1, slack = 0.6 * this.interval;
    return place >= 0 && Math.min(after, before) <= slack ? place : -1;
  }
  // The frame that is shown while the film's clock says a time; -1 where none is known.
  during(time) {
    const place = this.begun(time + 1e-4) - 1;
    return place >= 0 && (place + 1 < this.count || time - this.times[place] < 2 * this.interval) ? place : -1;
  }
  // A time at which that frame is shown, far from both its ends.
  middle(place) {
    const next = place + 1 < this.count ? this.times[place + 1] : this.times[place] + this.interval;
    return this.times[place] + Math.min(next - this.times[place], 1) / 2;
  }
  // The tracks of one frame; boxes are parts of the picture's size.
  tracks(place) {
    const found = [], [width, height] = this.size || [1, 1];
    for (let row = this.begins[place]; row < this.begins[place + 1]; row++) {
      const b = 4 * row;
      found.push({
        id: this.id[row], score: this.score[row], label: this.names[this.label[row]],
        box: [this.box[b] / width, this.box[b + 1] / height, this.box[b + 2] / width, this.box[b + 3] / height],
      });
    }
    return found;
  }
  boxes(place) { return this.begins[place + 1] - this.begins[place]; }
  // The class that an id has most often.
  labelOfId(known) { return this.names[[...known.labels].sort((a, b) => b[1] - a[1])[0][0]]; }
}

// A frame of a live stream, in the same form.
export function tracksOf(line) {
  const width = line.width || 1, height = line.height || 1;
  return line.tracks.map(track => ({
    id: track.track_id, score: track.score, label: labelOf(track),
    box: [track.xyxy[0] / width, track.xyxy[1] / height, track.xyxy[2] / width, track.xyxy[3] / height],
  }));
}
