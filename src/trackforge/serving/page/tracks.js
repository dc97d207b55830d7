// The table of the tracks of a film: a click goes to where one begins.

import {colourOf} from "./ids.js";
import {look} from "./look.js";
import {$, element, say} from "./parts.js";

const MOST_ROWS = 300;

export class TrackTable {
  constructor(player) {
    this.player = player;
    this.body = $("rows");
    this.rows = new Map();
    this.film = null;
  }
  fits(steps, known) {
    if (known.best < look.least || (look.only && !look.only(known.id))) return false;
    return [...known.labels.keys()].some(code => !look.hidden.has(steps.names[code]));
  }
  // Show what there is now; rows that stay keep their element, so that the focus stays, too.
  show(film) {
    if (film !== this.film) { this.rows.clear(); this.body.replaceChildren(); this.film = film; }
    const {steps} = film, all = [...steps.ids.values()], fitting = all.filter(known => this.fits(steps, known));
    const shown = fitting.slice(0, MOST_ROWS), keep = new Set(shown.map(known => known.id));
    for (const [id, row] of this.rows) if (!keep.has(id)) { row.remove(); this.rows.delete(id); }
    shown.forEach((known, place) => {
      const row = this.row(known), [, label, first, last] = row.cells;
      say(label, steps.labelOfId(known));
      say(first, String(steps.numbers[known.first]));
      say(last, String(steps.numbers[known.last]));
      row.classList.toggle("current", this.player.chosen === known.id);
      row.querySelector("button").setAttribute("aria-pressed", String(this.player.chosen === known.id));
      if (this.body.children[place] !== row) this.body.insertBefore(row, this.body.children[place] || null);
    });
    const left = fitting.length - shown.length;
    say($("tracks-told"), fitting.length < all.length ? `${fitting.length} of ${all.length}` : String(all.length));
    this.last ??= element("tr", {}, element("td", {colSpan: 4, class: "faint"}));
    if (left > 0) { say(this.last.firstChild, `${left} more: choose by “Only ids”`); this.body.append(this.last); } else this.last.remove();
  }
  row(known) {
    if (this.rows.has(known.id)) return this.rows.get(known.id);
    const swatch = element("span", {class: "swatch", "aria-hidden": "true"});
    swatch.style.background = colourOf(known.id);
    const button = element("button", {type: "button", class: "plain", title: "Go to its first frame"}, swatch, String(known.id));
    const row = element("tr", {onclick: () => this.go(known)}, element("td", {}, button), element("td"), element("td", {class: "num"}), element("td", {class: "num"}));
    row.dataset.id = known.id;
    this.rows.set(known.id, row);
    return row;
  }
  go(known) {
    this.player.pause();
    this.player.choose(known.id);
    this.player.goTo(known.first);
  }
}
