"use strict";
// What the page holds, made ready: bytes from base64, and tracks by frame and by id.

const STEPS = 4096; // boxes are parts of the picture's size, as content.py packs them

function bytesOf(name) {
  const text = document.getElementById(name).textContent.trim();
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

// Frame numbers in order; `at` finds the place of one, or -1.
class Numbers {
  constructor(given) {
    this.list = given.list || null;
    this.first = given.first ?? 0;
    this.count = this.list ? this.list.length : given.count;
    this.places = this.list ? new Map(this.list.map((number, place) => [number, place])) : null;
  }
  get(place) { return this.list ? this.list[place] : this.first + place; }
  at(number) {
    if (this.places) return this.places.get(number) ?? -1;
    const place = number - this.first;
    return place >= 0 && place < this.count ? place : -1;
  }
  // The place of the last frame that is not after a number; 0 where there is none.
  floor(number) {
    if (!this.list) return Math.max(0, Math.min(this.count - 1, number - this.first));
    let low = 0, high = this.count;
    while (low < high) { const middle = (low + high) >> 1; if (this.list[middle] <= number) low = middle + 1; else high = middle; }
    return Math.max(0, low - 1);
  }
}

// Boxes of one run on one sequence, R rows sorted by frame.
class Boxes {
  constructor(block, count) {
    const bytes = bytesOf(block), buffer = bytes.buffer, n = count;
    this.count = n;
    this.frame = new Int32Array(buffer, 0, n);
    this.id = new Int32Array(buffer, 4 * n, n);
    this.box = new Int16Array(buffer, 8 * n, 4 * n);
    this.label = new Uint16Array(buffer, 16 * n, n);
    this.score = new Uint8Array(buffer, 18 * n, n);
    this.wrong = new Uint8Array(buffer, 19 * n, n);
    this.byFrame = new Map(); // frame number: [first row, row after the last]
    for (let row = 0; row < n; ) {
      const begin = row, frame = this.frame[row];
      while (row < n && this.frame[row] === frame) row++;
      this.byFrame.set(frame, [begin, row]);
    }
    this.byId = new Map(); // id: its rows, in the order of time
    for (let row = 0; row < n; row++) {
      const id = this.id[row];
      if (id < 0) continue;
      if (!this.byId.has(id)) this.byId.set(id, []);
      this.byId.get(id).push(row);
    }
  }
  rows(frame) { return this.byFrame.get(frame) || [0, 0]; }
  labels() { return [...new Set(this.label)].sort((a, b) => a - b); }
}
