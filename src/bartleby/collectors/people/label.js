"use strict";
// Whatever was said in a conversation is put on the page as text, never as markup. A key acts on the unit that
// is on the page when it is pressed; while there is none, it does nothing, and the page says so.
const part = (id) => document.getElementById(id);
const NAMES = { user: "User", assistant: "Assistant", exit: "End" };
const ABSENT = new Set(["absent", "none", "no"]);
const AHEAD = 20;
const cache = new Map(), asked = new Set(), taken = [];
let state = null, place = 0, unit = null, values = {}, steps = [], before = [], changed = false, current = "";
const clock = { total: 0, since: 0 };

function make(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

const plain = (name) => name.replaceAll("_", " ");
function say(text) { part("message").textContent = text; }

function showProgress() {
  const done = state.done.size;
  const waiting = outbox.waiting.length;
  const saving = waiting ? `, ${waiting} being saved` : "";
  part("progress").textContent = `${state.labeller}: ${place + 1} of ${state.units}; ${done} labelled${saving}`;
  part("bar").max = state.units;
  part("bar").value = done;
  part("unsaved").hidden = !waiting || !outbox.problem;
  part("unsaved").textContent = `Not saved: ${waiting} ${waiting === 1 ? "unit" : "units"}. Trying again. (${outbox.problem})`;
}

// The unit on the page

function showConversation() {
  const box = part("conversation");
  box.replaceChildren();
  let last = null;
  for (const line of unit.said) {
    const coded = line.speaker === "assistant" && (unit.turn === null || line.turn === unit.turn);
    const block = make("article", undefined, `said ${line.speaker === "exit" ? "exit" : ""} ${coded ? "coded" : ""}`);
    const what = coded && unit.turn !== null ? ", to be labelled" : "";
    block.append(make("h2", `${NAMES[line.speaker] || line.speaker}, turn ${line.turn}${what}`));
    const words = make("p", line.text);
    words.dir = "auto";
    if (coded) words.dataset.coded = "yes";
    block.append(words);
    box.append(block);
    if (coded || !last) last = block;
  }
  if (last && unit.turn !== null) box.scrollTop = last.offsetTop - box.offsetTop - 40;
  else box.scrollTop = 0;
}

function makeCodes() {
  const form = part("codes");
  state.codebook.codes.forEach((code, number) => {
    const group = make("fieldset");
    group.dataset.code = code.name;
    const title = make("legend", plain(code.name) + " ");
    if (number < 9) title.append(make("kbd", String(number + 1)));
    const levels = make("div", undefined, "levels");
    code.levels.forEach((level, value) => {
      const label = make("label");
      const input = make("input");
      Object.assign(input, { type: "radio", name: code.name, value });
      input.addEventListener("change", () => choose(code, value));
      label.append(input, plain(level));
      levels.append(label);
    });
    const help = make("div", undefined, "help");
    const lines = (word, texts) => texts.forEach((text) => help.append(make("p", `${word}: ${text}`)));
    lines("Counts", code.inclusion);
    lines("Does not count", code.exclusion);
    lines("Example", code.examples);
    group.append(title, levels, make("p", code.definition, "definition"), help, make("p", "", "quote"));
    form.append(group);
  });
}

// Only what is chosen changes: the fields stay, and with them the focus.
function showChoices() {
  for (const code of state.codebook.codes) {
    const group = part("codes").querySelector(`[data-code="${code.name}"]`);
    const own = values[code.name] || {};
    group.classList.toggle("set", isSet(own));
    group.classList.toggle("current", code.name === current);
    group.querySelectorAll("input").forEach((input, value) => {
      input.checked = own.value === value;
      input.disabled = !unit;
    });
    group.querySelector(".quote").textContent = own.quote ? `“${own.quote}”` : "";
  }
  part("note").disabled = !unit;
}

function described(labels) {
  const set = state.codebook.codes.filter((code) => isSet(labels[code.name]));
  return set.map((code) => `${plain(code.name)} ${plain(code.levels[labels[code.name].value])}`).join(", ");
}

function draw() {
  const draft = drafts.read(unit);
  values = structuredClone(draft ? draft.values : unit.labels);
  part("note").value = draft ? draft.note : unit.note;
  steps = draft ? draft.steps : [];
  clock.total = draft ? draft.seconds : 0;
  clock.since = performance.now();
  before = [];
  current = "";
  changed = !!draft;
  if (draft) {
    const other = Object.keys(unit.labels).length ? ` Saved is: ${described(unit.labels)}.` : "";
    say(`Not saved yet: what you chose here before. Enter saves it.${other}`);
  }
  showConversation();
  showChoices();
  showProgress();
}

function blank() {
  unit = null;
  values = {};
  changed = false;
  part("note").value = "";
  part("conversation").replaceChildren(make("p", "Waiting for this unit …", "waiting"));
  showChoices();
  showProgress();
}

// Time counts while the page is to be seen.
function spent() {
  const now = performance.now();
  if (document.visibilityState === "visible") clock.total += (now - clock.since) / 1000;
  clock.since = now;
  return Math.round(clock.total * 100) / 100;
}
document.addEventListener("visibilitychange", () => {
  const now = performance.now();
  if (document.visibilityState === "hidden") clock.total += (now - clock.since) / 1000;
  clock.since = now;
});

// Which unit is on the page

function show(where) {
  place = Math.max(0, Math.min(state.units - 1, where));
  say("");
  if (cache.has(place)) {
    unit = cache.get(place);
    draw();
  } else blank();
  fetchAhead();
}

// The first that is not labelled at or after a place, round the end; null where all are.
function nextOpen(from) {
  for (let step = 0; step < state.units; step += 1) {
    const where = (from + step) % state.units;
    if (!state.done.has(where)) return where;
  }
  return null;
}

function wanted() {
  const places = [place, place + 1, place - 1].filter((where) => where >= 0 && where < state.units);
  for (let step = 1, open = 0; step < state.units && open < AHEAD; step += 1) {
    const where = (place + step) % state.units;
    if (!state.done.has(where)) { places.push(where); open += 1; }
  }
  return [...new Set(places)].filter((where) => !cache.has(where) && !asked.has(where));
}

function receive(fetched) {
  const waiting = outbox.waiting.filter((save) => save.unit === fetched.unit).pop();
  if (waiting) Object.assign(fetched, { labels: waiting.labels, note: waiting.note });
  if (Object.keys(fetched.labels).length) state.done.add(fetched.place);
  cache.set(fetched.place, fetched);
}

async function fetchAhead(tries = 0) {
  const places = wanted();
  if (!places.length || (unit && places.length < AHEAD / 2 && places.length < state.units - state.done.size)) return;
  places.forEach((where) => asked.add(where));
  try {
    const answer = await ask(`units?places=${places.join(",")}`);
    answer.units.forEach(receive);
    places.forEach((where) => asked.delete(where));
    tries = 0;
  } catch (error) {
    if (!unit) say(`The unit could not be fetched (${error.message || error}). Trying again.`);
    await pause(Math.min(LONGEST_PAUSE, 250 * 2 ** tries));
    places.forEach((where) => asked.delete(where));
    tries += 1;
  }
  if (!unit && cache.has(place)) show(place);
  else fetchAhead(tries);
}

// What a labeller does

const isSet = (own) => !!own && own.value !== null && own.value !== undefined;
const absentLevel = (code) => (code.levels.length === 2 || ABSENT.has(code.levels[0]) ? 0 : null);

function keepDraft() {
  if (!unit) return;
  changed = true;
  drafts.write(unit, { values, note: part("note").value, steps, seconds: spent() });
}

function choose(code, value, quoted) {
  before.push(structuredClone(values));
  values[code.name] = { ...(values[code.name] || {}), value, ...(quoted || {}) };
  if (value === 0) Object.assign(values[code.name], { quote: null, start: null, end: null });
  steps.push([code.name, value, spent()]);
  current = code.name;
  keepDraft();
  showChoices();
  part("codes").querySelector(".current").scrollIntoView({ block: "nearest" });
  say("");
}

function quotation() {
  const chosen = getSelection();
  if (!chosen.rangeCount || !chosen.toString().trim()) return null;
  const range = chosen.getRangeAt(0);
  const holder = (range.startContainer.parentElement || {}).dataset;
  const words = range.startContainer.data;
  if (!holder || !holder.coded || words === undefined) return { problem: "Only words of the assistant that are to be labelled can be quoted" };
  const whole = range.endContainer === range.startContainer;
  if (!whole && range.toString().trimEnd() !== words.slice(range.startOffset).trimEnd()) {
    return { problem: "A quotation lies within one turn" };
  }
  // Positions are counted in characters; the browser counts in halves of some of them.
  const count = (offset) => [...words.slice(0, offset)].length;
  const [start, end] = [range.startOffset, whole ? range.endOffset : words.length];
  return { quote: words.slice(start, end), start: count(start), end: count(end) };
}

function press(number) {
  const code = state.codebook.codes[number];
  if (!code) return say(`There is no code ${number + 1}.`);
  const own = values[code.name];
  const quoted = quotation();
  if (quoted && quoted.problem) return say(`Nothing was chosen: ${quoted.problem}. Select such words, or click to select none.`);
  if (quoted) return choose(code, isSet(own) && own.value > 0 ? own.value : 1, quoted);
  return choose(code, isSet(own) ? (own.value + 1) % code.levels.length : code.levels.length === 2 ? 1 : 0);
}

function nothingPresent() {
  const open = state.codebook.codes.filter((code) => !isSet(values[code.name]));
  open.filter((code) => absentLevel(code) !== null).forEach((code) => choose(code, absentLevel(code)));
  const left = open.filter((code) => absentLevel(code) === null).map((code) => plain(code.name));
  if (left.length) say(`Choose a level of ${left.join(", ")}.`);
}

function send(of, labels, more) {
  outbox.add({
    id: randomId(), unit: of.unit, version: of.version, place: of.place, revision: of.revision, labels,
    moment: Date.now(), ...more,
  });
}

function goOn() {
  const where = nextOpen(place + 1);
  if (where !== null) return show(where);
  show(place);
  say("All are labelled; the last are being saved.");
  return outbox.waiting.length ? null : finish();
}

// That all is labelled is said when the server says so.
async function finish() {
  try {
    state.done = new Set((await ask("state")).done);
  } catch (error) { return say(`All are labelled here, but the server does not answer (${error.message || error}).`); }
  showProgress();
  const left = state.units - state.done.size;
  return say(left ? `${left} are not labelled yet; o shows the next.` : "All are labelled and saved. You can close this page.");
}

function save() {
  if (!Object.values(values).some(isSet)) return say("Nothing is chosen. Press 0 if nothing is present.");
  if (!changed) return goOn();
  const labels = {};
  for (const code of state.codebook.codes) {
    const own = values[code.name] || {};
    // A code that was not touched, where others were, is absent; where its levels have no such one, it is asked for.
    const value = own.value ?? absentLevel(code);
    if (value === null) return say(`Choose a level of ${plain(code.name)}.`);
    labels[code.name] = { value, quote: own.quote ?? null, start: own.start ?? null, end: own.end ?? null };
  }
  const note = part("note").value;
  const old = { labels: unit.labels, note: unit.note };
  send(unit, labels, { note, seconds: spent(), steps });
  taken.push({ place, old, values: structuredClone(values), note });
  Object.assign(unit, { labels, note });
  state.done.add(place);
  drafts.clear(unit);
  getSelection().removeAllRanges();
  return goOn();
}

function undo() {
  if (before.length) {
    values = before.pop();
    steps.push([null, null, spent()]);
    keepDraft();
    return showChoices();
  }
  const last = taken.pop();
  if (!last) return say("There is nothing to undo.");
  const of = cache.get(last.place);
  if (!of) return say("There is nothing to undo: that unit was changed elsewhere.");
  const none = !Object.keys(last.old.labels).length;
  send(of, last.old.labels, { note: last.old.note, withdrawn: none });
  Object.assign(of, last.old);
  if (none) state.done.delete(last.place);
  drafts.write(of, { values: last.values, note: last.note, steps: [], seconds: 0 });
  show(last.place);
  return say("Taken back. Change it and press Enter to save it again.");
}

// What came of a save

outbox.changed = () => { if (state) showProgress(); };
outbox.emptied = () => { if (nextOpen(0) === null) finish(); };
outbox.saved = (sent, answer) => {
  const own = cache.get(sent.place);
  if (own && own.unit === sent.unit) own.revision = answer.revision;
};
outbox.refused = (sent, reason) => {
  cache.delete(sent.place);
  state.done.delete(sent.place);
  const index = taken.findIndex((each) => each.place === sent.place);
  if (index >= 0) taken.splice(index, 1);
  if (!sent.withdrawn) drafts.write(sent, { values: sent.labels, note: sent.note || "", steps: sent.steps || [], seconds: sent.seconds || 0 });
  const button = make("button", "Show it");
  button.type = "button";
  button.addEventListener("click", () => show(sent.place));
  if (place === sent.place) show(place);
  say(`Not saved: number ${sent.place + 1}: ${reason}. What you chose is kept as a draft there. `);
  part("message").append(button);
};
// Another tab of the same labeller saves a unit: it is not to be labelled here from what was fetched before.
addEventListener("storage", (event) => {
  if (!state || !event.key || !event.key.startsWith(`${token}save `)) return;
  const sent = JSON.parse(event.newValue || event.oldValue || "null");
  if (!sent) return;
  if (event.newValue && sent.withdrawn) state.done.delete(sent.place);
  else if (event.newValue) state.done.add(sent.place);
  if (sent.place === place && event.newValue) say("This unit has just been labelled in another tab.");
  else if (sent.place !== place) cache.delete(sent.place);
  showProgress();
});

// Keys

const move = (step) => () => { if (place + step >= 0 && place + step < state.units) show(place + step); };
const openNext = () => { const where = nextOpen(place + 1); if (where !== null) show(where); };
function toggleHelp() {
  kept.set("full", document.body.classList.toggle("full"));
}
const onUnit = (act) => () => (unit ? act() : say("No unit is on the page yet: that key did nothing."));
const KEYS = {
  Enter: onUnit(save), 0: onUnit(nothingPresent), u: onUnit(undo), n: () => part("note").focus(),
  j: move(1), ArrowRight: move(1), k: move(-1), ArrowLeft: move(-1), o: openNext,
  d: toggleHelp, "?": () => part("help").showModal(),
};
for (let number = 1; number <= 9; number += 1) KEYS[number] = onUnit(() => press(number - 1));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !state || part("help").open) return;
  if (event.target === part("note")) { if (event.key === "Escape") part("note").blur(); return; }
  const native = event.target.tagName === "BUTTON" ? ["Enter"] : event.target.type === "radio" ? ["ArrowLeft", "ArrowRight"] : [];
  const act = KEYS[event.key];
  if (!act) return;
  // A key that is held down counts once.
  if (event.repeat) return event.preventDefault();
  if (native.includes(event.key)) return;
  event.preventDefault();
  act();
});
part("note").addEventListener("input", keepDraft);
part("codes").addEventListener("submit", (event) => event.preventDefault());
const BUTTONS = {
  save: "Enter", nothing: "0", undo: "u", back: "k", skip: "j", open: "o", "help-button": "?",
};
for (const [id, key] of Object.entries(BUTTONS)) part(id).addEventListener("click", () => state && KEYS[key]());
part("close-help").addEventListener("click", () => part("help").close());
addEventListener("beforeunload", (event) => { if (outbox.waiting.length) event.preventDefault(); });

async function start() {
  for (let tries = 0; !state; tries += 1) {
    try {
      const answer = await ask("state");
      state = { ...answer, done: new Set(answer.done) };
    } catch (error) {
      say(String(error.message || error));
      if (error.final) return;
      await pause(Math.min(LONGEST_PAUSE, 250 * 2 ** tries));
    }
  }
  part("title").textContent = state.codebook.title || state.codebook.name;
  document.body.classList.toggle("full", kept.get("full") === true);
  if (!state.units) return say("There is nothing to label.");
  outbox.adopt();
  outbox.waiting.forEach((save) => (save.withdrawn ? state.done.delete(save.place) : state.done.add(save.place)));
  makeCodes();
  const where = nextOpen(0);
  show(where ?? 0);
  if (where === null) say("All are labelled.");
}
start();
