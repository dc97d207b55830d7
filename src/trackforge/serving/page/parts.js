// Pieces of the page. Text from outside enters it as text only, never as markup.

export const $ = id => document.getElementById(id);

// An element with properties (`class`, `on…` listeners, aria-… and data-… attributes) and children: elements or text.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

// Put a text where it differs, so that screen readers hear of changes alone.
export function say(where, text) { if (where.textContent !== text) where.textContent = text; }

// Say what went wrong, in words, until it is closed; the same words stand once.
export function alert(words) {
  const host = $("alerts");
  for (const old of host.children) if (old.firstChild.textContent === words) old.remove();
  const close = element("button", {type: "button", "aria-label": "Close", onclick: () => note.remove()}, "✕");
  const note = element("div", {class: "note"}, element("span", {}, words), close);
  host.append(note);
  while (host.children.length > 4) host.firstChild.remove();
}

// A function that runs at most once in so many milliseconds, the last call counting.
export function seldom(work, pause) {
  let timer = 0, last = -Infinity;
  const run = () => { timer = 0; last = performance.now(); work(); };
  return () => { if (!timer) timer = setTimeout(run, Math.max(0, last + pause - performance.now())); };
}

export const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));

export function clockTime(seconds) {
  const minutes = Math.floor(seconds / 60), rest = (seconds % 60).toFixed(2).padStart(5, "0");
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let place = 0;
  while (count >= 1000 && place < 4) { count /= 1000; place++; }
  return `${count >= 10 || !place ? Math.round(count) : count.toFixed(1)} ${units[place]}`;
}

export const short = (text, most = 48) => text.length > most ? `${text.slice(0, most - 1)}…` : text;

// A name without what steers a terminal or turns the direction of writing, and not too long.
export const plain = text => text.replace(/[\p{C}\u2028\u2029]/gu, "").slice(0, 200);
