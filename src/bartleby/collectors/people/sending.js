"use strict";
// What goes between page and server. A save names the unit that it is of, so it cannot land on another; it is
// kept in the browser until the server has it, and sent again, with the same id, until then.
const token = new URLSearchParams(location.search).get("token") || "";
const PATIENCE = 15000, LONGEST_PAUSE = 4000;

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const randomId = () => [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join("-");

async function ask(path, body) {
  const options = { headers: { "X-Token": token }, signal: AbortSignal.timeout(PATIENCE) };
  if (body) Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  const answer = await fetch(path, options);
  if (answer.ok) return answer.json();
  const error = new Error((await answer.text()) || `the server answered ${answer.status}`);
  // 403 is a server that was started for another page: what is not saved waits for the right one.
  error.final = answer.status >= 400 && answer.status < 500 && answer.status !== 403;
  throw error;
}

// Kept in the browser across reloads, apart for each file and labeller; where a browser keeps nothing, for as
// long as the page is open.
const kept = {
  memory: new Map(),
  text(key) { try { return localStorage.getItem(token + key); } catch { return null; } },
  get(key) { return JSON.parse(this.text(key) ?? this.memory.get(key) ?? "null"); },
  set(key, value) {
    const text = JSON.stringify(value);
    try { localStorage.setItem(token + key, text); } catch { this.memory.set(key, text); }
  },
  remove(key) {
    this.memory.delete(key);
    try { localStorage.removeItem(token + key); } catch { /* nothing is kept */ }
  },
  all(start) {
    let names = [];
    try { names = Object.keys(localStorage).filter((name) => name.startsWith(token)); } catch { /* nothing is kept */ }
    names = names.map((name) => name.slice(token.length)).concat([...this.memory.keys()]);
    return names.filter((name) => name.startsWith(start));
  },
  values(start) { return this.all(start).map((key) => this.get(key)).filter(Boolean); },
};

// Choices and a note that are not saved yet, by tab, so that two tabs do not write over each other's.
let tab = null;
try { tab = sessionStorage.getItem("tab"); } catch { /* a new one at every reload */ }
tab = tab || randomId();
try { sessionStorage.setItem("tab", tab); } catch { /* as above */ }
const drafts = {
  key: (unit, who) => `draft ${unit.unit} ${unit.version} ${who}`,
  write(unit, draft) { kept.set(this.key(unit, tab), { ...draft, moment: Date.now() }); },
  remove(unit) { kept.remove(this.key(unit, tab)); },
  read(unit) {
    const own = kept.get(this.key(unit, tab));
    if (own) return own;
    return kept.values(this.key(unit, "")).sort((a, b) => b.moment - a.moment)[0] || null;
  },
  clear(unit) { kept.all(this.key(unit, "")).forEach((key) => kept.remove(key)); },
};

// Saves that the server does not have yet, sent one after the other in the order in which they were made.
const outbox = {
  waiting: [], sending: false, problem: "",
  changed() {}, saved() {}, refused() {}, emptied() {},
  add(save) {
    this.waiting.push(save);
    kept.set(`save ${save.id}`, save);
    this.changed();
    this.send();
  },
  adopt() {
    this.waiting = kept.values("save ").sort((a, b) => a.moment - b.moment);
    if (this.waiting.length) this.send();
  },
  async send() {
    if (this.sending) return;
    this.sending = true;
    for (let tries = 0; this.waiting.length;) {
      const save = this.waiting[0];
      try {
        const answer = await ask("labels", save);
        this.problem = "";
        tries = 0;
        this.finish(save);
        // A later save of the same unit was made from this one.
        this.waiting.filter((other) => other.unit === save.unit).forEach((other) => {
          other.revision = answer.revision;
          kept.set(`save ${other.id}`, other);
        });
        this.saved(save, answer);
      } catch (error) {
        if (error.final) {
          this.finish(save);
          this.refused(save, error.message);
        } else {
          this.problem = String(error.message || error);
          this.changed();
          await pause(Math.min(LONGEST_PAUSE, 250 * 2 ** tries++));
        }
      }
      this.changed();
    }
    this.sending = false;
    this.emptied();
  },
  finish(save) { this.waiting.shift(); kept.remove(`save ${save.id}`); },
};
