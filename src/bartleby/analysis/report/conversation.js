"use strict";
// One conversation on screen: who speaks, where the model left or declined, what a coder marked.
// All that was said reaches the page as text (textContent) and never as markup.
const conversation = (() => {
  const LONG = 2400, SHORT = 1600;
  const SPEAKERS = { assistant: "model", user: "user", system: "system prompt" };

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }
  const words = (name) => String(name).replaceAll("_", " ");
  const said = (mark) => mark.by ? `${mark.label} (${mark.by})` : mark.label;
  const kinds = (turn) => new Set((turn.marks || []).map((mark) => mark.kind));

  // Text in pieces, so that every word that a mark is about stands in an element of its own.
  function pieces(text, marks) {
    const spans = marks.filter((mark) => mark.end > mark.start);
    const borders = [...new Set([0, text.length, ...spans.flatMap((mark) => [mark.start, mark.end])])]
      .filter((at) => at >= 0 && at <= text.length).sort((a, b) => a - b);
    const parts = [];
    for (let at = 0; at + 1 < borders.length; at++) {
      const [start, end] = [borders[at], borders[at + 1]];
      const over = spans.filter((mark) => mark.start <= start && mark.end >= end);
      const words = text.slice(start, end);
      if (!over.length) { parts.push(document.createTextNode(words)); continue; }
      const element = make("mark", "", words);
      element.dataset.kind = over[0].kind;
      if (over[0].code) element.dataset.coders = Math.min(3, new Set(over.map((mark) => mark.by)).size);
      element.title = over.map(said).join("; ");
      parts.push(element);
    }
    return parts;
  }
  function textOf(turn) {
    const marks = turn.marks || [];
    const element = make("pre");
    element.append(...pieces(turn.text, marks));
    if (turn.text.length <= LONG || marks.some((mark) => mark.end > mark.start)) return [element];
    const more = make("button", "more", `Show all ${turn.text.length.toLocaleString()} characters`);
    more.type = "button";
    element.textContent = turn.text.slice(0, SHORT).replace(/[\ud800-\udbff]$/, "") + " …";
    more.addEventListener("click", () => { element.textContent = turn.text; more.remove(); });
    return [element, more];
  }
  function notesOf(turn) {
    const notes = [];
    if (!turn.text && !(turn.calls || []).length) notes.push("no text");
    if (turn.cut) notes.push(`${turn.cut.toLocaleString()} more characters are in the log`);
    if (turn.stop && turn.stop !== "end") notes.push("stopped: " + turn.stop);
    for (const [label, chance] of Object.entries(turn.chances || {})) notes.push(`P(${label}) = ${chance}`);
    return notes;
  }
  function chip(text, kind) {
    const element = make("span", "chip", text);
    element.dataset.kind = kind;
    return element;
  }
  // What coders say of a turn (or a conversation), by code: who found it on which words, and who did not.
  function byCode(marks) {
    const codes = new Map();
    for (const mark of marks) {
      if (!mark.code) continue;
      if (!codes.has(mark.code)) codes.set(mark.code, { label: words(mark.code), coders: new Map() });
      const coders = codes.get(mark.code).coders;
      if (!coders.has(mark.by)) coders.set(mark.by, []);
      coders.get(mark.by).push(mark);
    }
    return [...codes.values()];
  }
  const found = (marks) => marks.some((mark) => mark.kind === "code");
  function shareOf({ label, coders }) {
    const all = [...coders.values()];
    return all.length === 1 ? label : `${label}: ${all.filter(found).length} of ${all.length} coders`;
  }
  function codingsOf(coded, text) {
    const list = make("ul", "codings");
    for (const { label, coders } of coded) {
      for (const [by, marks] of coders) {
        const line = make("li");
        line.append(make("b", "", by), ` ${verdictOf(marks, label)}`);
        for (const mark of marks.filter((each) => each.end > each.start)) {
          line.append(" ", make("q", "", text.slice(mark.start, mark.end)));
        }
        for (const mark of marks.filter((each) => each.quote)) {
          line.append(" ", make("span", "failed", "quotes words that are not in this turn:"), " ", make("q", "", mark.quote));
        }
        list.append(line);
      }
    }
    return list;
  }
  function verdictOf(marks, label) {
    if (found(marks)) return `coded ${marks[0].label}`;
    return marks[0].kind === "silent" ? `gave no coding of ${label}` : `did not code ${label}`;
  }
  function turnOf(turn) {
    const played = /played|simulated/.test(turn.speaker || "");
    const who = turn.role === "assistant" ? "assistant" : turn.role === "system" ? "system" : played ? "played" : "other";
    const element = make("div", `turn ${who}`);
    const head = make("div", "role");
    head.append(make("span", "speaker", turn.speaker || SPEAKERS[turn.role] || turn.role));
    if (turn.number !== undefined) head.append(make("span", "number", `turn ${turn.number}`));
    for (const mark of turn.marks || []) if (!mark.code) head.append(chip(said(mark), mark.kind));
    const coded = byCode(turn.marks || []);
    for (const each of coded) head.append(chip(shareOf(each), "code"));
    const there = kinds(turn);
    if (there.has("exit")) element.classList.add("left");
    if (there.has("declined")) element.classList.add("declined");
    if (there.has("code")) element.classList.add("coded");
    if (turn.aside) element.classList.add("aside");
    element.append(head);
    if (turn.text) element.append(...textOf(turn));
    for (const call of turn.calls || []) element.append(make("pre", "call", "tool call: " + call));
    const notes = notesOf(turn);
    if (notes.length) element.append(make("p", "facts", notes.join(" · ")));
    if (coded.length) element.append(codingsOf(coded, turn.text));
    const folds = (who === "system" && turn.text.length > 400) || (turn.aside && who !== "assistant");
    return folds ? fold(turn, element) : element;
  }
  // What the study itself says is known or long: it is there to be opened.
  function fold(turn, element) {
    // A question often begins with a remark in brackets, the same each time.
    const start = turn.text.replace(/^\([^)]*\)\s*/, "").slice(0, 70).replace(/[\ud800-\udbff]$/, "").replace(/\s+/g, " ");
    const folded = make("details", "folded");
    if (turn.aside) folded.classList.add("aside");
    folded.append(make("summary", "", `${turn.speaker || SPEAKERS[turn.role] || turn.role}: ${start}…`), element);
    return folded;
  }
  // A strip of the model's turns, to see at a glance where it declined and where it left, and to go there.
  function strip(turns, elements) {
    const numbered = turns.map((turn, at) => [turn, elements[at]])
      .filter(([turn]) => turn.number !== undefined || kinds(turn).has("exit"));
    if (numbered.length < 3) return null;
    const bar = make("div", "strip");
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Turns of the model");
    for (const [turn, element] of numbered) {
      const there = kinds(turn);
      const name = turn.number === undefined ? "left" : String(turn.number);
      const button = make("button", "", name);
      button.type = "button";
      const told = [...new Set((turn.marks || []).filter((mark) => !["absent", "silent"].includes(mark.kind)).map(said))].join("; ");
      button.title = (turn.number === undefined ? told : `Turn ${name}${told ? ": " + told : ""}`);
      button.setAttribute("aria-label", button.title);
      for (const kind of ["code", "declined", "exit"]) if (there.has(kind)) button.dataset.kind = kind;
      button.addEventListener("click", () => go(element));
      bar.append(button);
    }
    return bar;
  }
  function go(element) {
    element.setAttribute("tabindex", "-1");
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "center" });
  }
  // Go from turn to turn of an open conversation; of a body without focus, from its beginning.
  function step(body, by) {
    const turns = [...body.querySelectorAll(".turn")].filter((each) => !each.closest("details:not([open])"));
    const at = turns.indexOf(document.activeElement && document.activeElement.closest(".turn"));
    const next = turns[at < 0 ? (by > 0 ? 0 : turns.length - 1) : at + by];
    if (next) go(next);
  }
  function toExit(body) {
    const left = body.querySelector(".turn.left");
    if (left) go(left);
    return Boolean(left);
  }
  // Go to the next turn that a coder found something in, and from the last to the first.
  function toCoded(body) {
    const turns = [...body.querySelectorAll(".turn")], coded = turns.filter((each) => each.classList.contains("coded"));
    const at = turns.indexOf(document.activeElement && document.activeElement.closest(".turn"));
    const next = coded.find((each) => turns.indexOf(each) > at) || coded[0];
    if (next) go(next);
  }
  function body(trial, named) {
    const element = make("div", "body");
    const turns = trial.turns.map(turnOf);
    const whole = byCode(trial.codings || []);
    if (whole.length) element.append(make("p", "facts", "Coded of the conversation as a whole:"), codingsOf(whole, ""));
    const bar = strip(trial.turns, turns);
    if (bar) element.append(bar);
    element.append(...turns);
    if (trial.message) element.append(make("p", "failed", trial.message));
    const facts = Object.entries({ ...trial.conditions, ...trial.facts }).map(([name, value]) => `${named(name)}: ${value}`);
    const items = trial.items.length ? ["items: " + trial.items.join(", ")] : [];
    element.append(make("p", "facts", [...facts, ...items, "trial " + trial.id].join(" · ")));
    return element;
  }
  return { body, step, toExit, toCoded, byCode, make, words };
})();
