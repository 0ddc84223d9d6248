"use strict";
// Whatever was said in a conversation is put on the page as text, never as markup.
const token = new URLSearchParams(location.search).get("token") || "";
const part = (id) => document.getElementById(id);
const NAMES = { user: "User", assistant: "Assistant", exit: "End" };
let state = null, place = 0, values = {}, changed = false;

function make(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

async function ask(path, body) {
  const options = { headers: { "X-Token": token } };
  if (body) Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

function tell(text) { part("message").textContent = text; }

function showProgress() {
  const done = state.done.length;
  part("progress").textContent = `${place + 1} of ${state.units}; ${done} labelled`;
  part("bar").max = state.units;
  part("bar").value = done;
}

function showConversation(unit) {
  const box = part("conversation");
  box.replaceChildren();
  for (const each of unit.said) {
    const coded = each.speaker === "assistant" && (unit.turn === null || each.turn === unit.turn);
    const block = make("article", undefined, `said ${each.speaker === "exit" ? "exit" : ""} ${coded ? "coded" : ""}`);
    const what = coded && unit.turn !== null ? ", to be labelled" : "";
    block.append(make("h2", `${NAMES[each.speaker] || each.speaker}, turn ${each.turn}${what}`));
    const words = make("p", each.text);
    if (coded) words.dataset.coded = "yes";
    block.append(words);
    box.append(block);
  }
  const last = box.querySelector(".coded:last-of-type") || box.lastElementChild;
  if (last) last.scrollIntoView({ block: "end" });
}

function showCodes() {
  const form = part("codes");
  form.replaceChildren();
  state.codebook.codes.forEach((code, number) => {
    const own = values[code.name];
    const group = make("fieldset");
    if (own && own.value !== null && own.value !== undefined) group.className = "set";
    const title = make("legend", code.name.replaceAll("_", " ") + " ");
    if (number < 9) title.append(make("kbd", String(number + 1)));
    const levels = make("div", undefined, "levels");
    code.levels.forEach((level, value) => {
      const label = make("label");
      const input = make("input");
      Object.assign(input, { type: "radio", name: code.name, checked: !!own && own.value === value });
      input.addEventListener("change", () => choose(code, value));
      label.append(input, level.replaceAll("_", " "));
      levels.append(label);
    });
    group.append(title, levels);
    const lines = [code.definition, ...code.inclusion.map((each) => "Counts: " + each),
      ...code.exclusion.map((each) => "Does not count: " + each)];
    lines.forEach((line) => group.append(make("p", line, "definition")));
    if (own && own.quote) group.append(make("p", `“${own.quote}”`, "quote"));
    form.append(group);
  });
}

function choose(code, value, quoted) {
  values[code.name] = { ...(values[code.name] || {}), value, ...(quoted || {}) };
  if (value === 0) Object.assign(values[code.name], { quote: null, start: null, end: null });
  changed = true;
  showCodes();
}

function selected() {
  const chosen = getSelection();
  const words = chosen.toString();
  if (!words.trim() || !chosen.rangeCount) return null;
  const range = chosen.getRangeAt(0);
  const holder = range.startContainer.parentElement;
  if (!holder || !holder.dataset.coded || range.startContainer !== range.endContainer) return null;
  // Places are counted in characters; the browser counts in halves of some of them.
  const count = (offset) => [...range.startContainer.data.slice(0, offset)].length;
  return { quote: words, start: count(range.startOffset), end: count(range.endOffset) };
}

function press(number) {
  const code = state.codebook.codes[number];
  if (!code) return;
  const quoted = selected();
  const own = values[code.name];
  const known = own && own.value !== null && own.value !== undefined;
  if (quoted) return choose(code, known && own.value > 0 ? own.value : 1, quoted);
  choose(code, known ? (own.value + 1) % code.levels.length : code.levels.length === 2 ? 1 : 0);
}

async function show(where) {
  place = Math.max(0, Math.min(state.units - 1, where));
  try {
    const unit = await ask(`unit?place=${place}`);
    values = {};
    for (const [code, told] of Object.entries(unit.labels)) values[code] = told;
    part("note").value = Object.values(unit.labels).map((each) => each.note || "")[0] || "";
    changed = false;
    tell("");
    showConversation(unit);
    showCodes();
    showProgress();
  } catch (error) { tell(String(error.message || error)); }
}

function nextOpen(from) {
  const done = new Set(state.done);
  for (let step = 0; step < state.units; step += 1) {
    const where = (from + step) % state.units;
    if (!done.has(where)) return where;
  }
  return null;
}

async function save() {
  const labels = {};
  for (const code of state.codebook.codes) {
    const own = values[code.name] || {};
    // A code of two levels that was not touched is its first; more levels want a choice.
    const value = own.value ?? (code.levels.length === 2 ? 0 : null);
    if (value === null) return tell(`Choose a level of ${code.name.replaceAll("_", " ")}.`);
    labels[code.name] = { value, quote: own.quote ?? null, start: own.start ?? null, end: own.end ?? null };
  }
  try {
    await ask("labels", { place, labels, note: part("note").value });
  } catch (error) { return tell(`Not saved: ${error.message || error}`); }
  if (!state.done.includes(place)) state.done.push(place);
  const where = nextOpen(place + 1);
  if (where === null) { await show(place); return tell("All are labelled. You can close this page."); }
  return show(where);
}

function leave(where) {
  if (changed && !confirm("What you chose here is not saved. Leave it?")) return;
  show(where);
}

const KEYS = {
  Enter: save, j: () => leave(place + 1), ArrowRight: () => leave(place + 1),
  k: () => leave(place - 1), ArrowLeft: () => leave(place - 1),
  o: () => { const where = nextOpen(place + 1); if (where !== null) leave(where); },
  u: () => show(place), d: () => document.body.classList.toggle("full"),
  n: () => part("note").focus(), "?": () => part("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !state || part("help").open) return;
  if (event.target === part("note")) { if (event.key === "Escape") part("note").blur(); return; }
  if (event.target.tagName === "BUTTON" && event.key === "Enter") return;
  if (/^[1-9]$/.test(event.key)) { event.preventDefault(); return press(Number(event.key) - 1); }
  const act = KEYS[event.key];
  if (act) { event.preventDefault(); act(); }
});
part("codes").addEventListener("submit", (event) => event.preventDefault());
part("save").addEventListener("click", save);
part("back").addEventListener("click", KEYS.k);
part("skip").addEventListener("click", KEYS.j);
part("open").addEventListener("click", KEYS.o);
part("help-button").addEventListener("click", KEYS["?"]);
part("close-help").addEventListener("click", () => part("help").close());
addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });

ask(`state`).then((told) => {
  state = told;
  part("title").textContent = told.codebook.title || told.codebook.name;
  if (!told.units) return tell("There is nothing to label.");
  return show(nextOpen(0) ?? 0);
}).catch((error) => tell(String(error.message || error)));
