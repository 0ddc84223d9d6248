// The list of trials, its filters and its keys. All that a model wrote reaches the page as text (textContent)
// and never as markup.
// Trials of a large page are compressed, so they are there only after a moment.
(async () => {
  const embedded = document.getElementById("data");
  async function unpacked() {
    const bytes = Uint8Array.from(atob(embedded.textContent), (character) => character.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }
  const text = embedded.dataset.encoding ? await unpacked() : embedded.textContent;
  const data = JSON.parse(text);
  const PAGE = 50, FIRST = 4;
  const MISSING = new Set(["unparsed", "truncated", "abandoned", "error", "not finished"]);
  const EXITS = new Set(["opted_out", "refused"]);
  const byId = new Map(data.items.map((item) => [item.id, item]));
  const place = (id) => document.getElementById(id);
  const list = place("list"), search = place("search"), itemChoice = place("item");
  let found = data.trials, page = 0, current = -1;

  const { make, words } = conversation;
  const named = (name) => data.names[name] || words(name);
  const title = (id) => (byId.get(id) || {}).title || id;

  // What can be filtered by: the outcome, the named columns, and every condition with several levels.
  function facetValues(trial) {
    const values = { outcome: trial.outcome };
    for (const name of [...data.facets, "refused"]) {
      const value = trial.facts[name];
      if (value !== undefined) values[name] = String(value);
      else if (data.absent[name]) values[name] = data.absent[name];
    }
    if (anyCoded) values.coders = agreementOf(trial);
    return { ...values, ...trial.conditions };
  }
  // What coders found in a trial, as pairs of code and coder; and whether others who looked found it too.
  const anyCoded = data.trials.some((trial) => trial.coders);
  const codesOf = (trial) => [trial.codings || [], ...trial.turns.map((turn) => turn.marks || [])]
    .flatMap((marks) => conversation.byCode(marks));
  const has = (marks) => marks.some((mark) => mark.kind === "code");
  function agreementOf(trial) {
    if (!trial.coders) return "nobody coded it";
    const all = trial.coded.map(({ coders }) => [...coders.values()]);
    if (!all.length) return "found nothing";
    if (all.some((coders) => !coders.every(has))) return "differ";
    return all.some((coders) => coders.length > 1) ? "agree" : "one coder alone";
  }
  const facets = new Map();
  for (const trial of data.trials) {
    trial.coded = codesOf(trial);
    trial.found = trial.coded.flatMap(({ label, coders }) =>
      [...coders].filter(([, marks]) => has(marks)).map(([by]) => ({ label, by })));
    trial.values = facetValues(trial);
    for (const [name, value] of Object.entries(trial.values)) {
      if (!facets.has(name)) facets.set(name, new Map());
      const counts = facets.get(name);
      counts.set(value, (counts.get(value) || 0) + 1);
    }
  }
  for (const [name, counts] of facets) {
    if (counts.size < 2) facets.delete(name);
  }
  const inOrder = (a, b) => a[0].localeCompare(b[0], "en", { numeric: true });

  // Code and coder are looked for together: this code by this coder.
  function buildCodeFilters() {
    for (const [key, label] of [["label", "coded as"], ["by", "coded by"]]) {
      const counts = new Map();
      for (const trial of data.trials) {
        for (const name of new Set(trial.found.map((each) => each[key]))) counts.set(name, (counts.get(name) || 0) + 1);
      }
      if (!counts.size) return;
      const element = make("label", "", label), select = make("select");
      select.dataset.coding = key;
      option(select, "", "any");
      for (const [name, count] of [...counts].sort(inOrder)) option(select, "=" + name, `${name} (${count})`);
      element.append(select);
      place("facets").append(element);
    }
  }
  function codingFilter() {
    const wanted = [...document.querySelectorAll("#filters select[data-coding]")].filter((each) => each.value);
    return (trial) => !wanted.length ||
      trial.found.some((found) => wanted.every((each) => "=" + found[each.dataset.coding] === each.value));
  }
  function option(select, value, text) {
    const element = make("option", "", text);
    element.value = value;
    select.append(element);
  }
  function buildFilters() {
    const first = new Set([...(anyCoded ? ["coders"] : []), "outcome", ...data.facets].slice(0, FIRST));
    const few = facets.size <= FIRST;
    buildCodeFilters();
    for (const [name, counts] of facets) {
      const label = make("label", "", named(name));
      const select = make("select");
      select.dataset.facet = name;
      option(select, "", "any");
      for (const [value, count] of [...counts].sort(inOrder)) option(select, "=" + value, `${words(value)} (${count})`);
      label.append(select);
      place(few || first.has(name) ? "facets" : "more").append(label);
    }
    place("others").hidden = !place("more").children.length;
    option(itemChoice, "", "any");
    data.groups.forEach((group, index) => option(itemChoice, "g" + index, group.label));
    const used = new Set(data.trials.flatMap((trial) => trial.items));
    for (const id of [...used].sort()) option(itemChoice, "i" + id, title(id));
  }

  function haystack(trial) {
    if (trial.text === undefined) {
      const parts = [trial.id, ...trial.items, ...trial.items.map(title), trial.message || ""];
      for (const turn of trial.turns) parts.push(turn.text, ...(turn.calls || []));
      trial.text = parts.join("\n").toLowerCase();
    }
    return trial.text;
  }
  function itemFilter() {
    const value = itemChoice.value;
    if (!value) return () => true;
    const wanted = value[0] === "g" ? new Set(data.groups[+value.slice(1)].items) : new Set([value.slice(1)]);
    return (trial) => trial.items.some((id) => wanted.has(id));
  }
  function filter() {
    const sought = search.value.trim().toLowerCase();
    const wanted = [...document.querySelectorAll("#filters select[data-facet]")].filter((each) => each.value);
    const involves = itemFilter(), coded = codingFilter();
    found = data.trials.filter((trial) =>
      wanted.every((each) => "=" + trial.values[each.dataset.facet] === each.value) &&
      involves(trial) && coded(trial) && (!sought || haystack(trial).includes(sought)));
    page = 0;
    current = -1;
    show();
  }

  function clearFilters() {
    search.value = "";
    for (const select of document.querySelectorAll("#filters select")) select.value = "";
    filter();
  }

  function kindOf(outcome) {
    if (MISSING.has(outcome)) return "missing";
    return EXITS.has(outcome) ? "exit" : "choice";
  }
  function lastReply(trial) {
    const replies = trial.turns.filter((turn) => turn.role === "assistant");
    const own = replies.filter((turn) => !turn.aside);
    const last = own[own.length - 1] || replies[replies.length - 1];
    if (!last) return trial.message || "";
    return (last.text || (last.calls || []).join(" ")).slice(0, 200).replace(/\s+/g, " ");
  }
  function heading(trial) {
    const items = make("span", "items");
    const taken = { chose_first: 0, chose_second: 1 }[trial.outcome];
    trial.items.forEach((id, index) => {
      if (index) items.append(" / ");
      items.append(make("span", index === taken ? "taken" : "", title(id)));
    });
    return items;
  }
  // Of a conversation: how long it went on, at which turn the model left, and how often it declined.
  function courseOf(trial) {
    const { turn, turns, refusals } = trial.facts;
    const told = [];
    if (data.facets.includes("scenario_class") && trial.facts.scenario_class) told.push(words(trial.facts.scenario_class));
    if (turn !== undefined) told.push(`left at turn ${turn}`);
    else if (turns > 1) told.push(`${turns} turns`);
    if (refusals > 0) told.push(`declined in ${refusals}`);
    const turnsOf = new Map();
    for (const { label, coders } of trial.coded) {
      if ([...coders.values()].some(has)) turnsOf.set(label, (turnsOf.get(label) || 0) + 1);
    }
    for (const [label, count] of turnsOf) told.push(count > 1 ? `${label} in ${count}` : label);
    return told;
  }
  function card(trial, index) {
    const element = make("li", "trial");
    const button = make("button");
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    const ended = make("span", "ended", words(trial.outcome));
    ended.dataset.kind = kindOf(trial.outcome);
    button.append(ended, heading(trial));
    const about = courseOf(trial).concat([...facets.keys()]
      .filter((name) => trial.conditions[name] !== undefined)
      .map((name) => `${named(name)}: ${words(trial.conditions[name])}`));
    if (about.length) button.append(make("span", "about", about.join(" · ")));
    button.append(make("span", "preview", lastReply(trial)));
    button.addEventListener("click", () => { mark(index); toggle(element, trial); });
    element.append(button);
    return element;
  }
  function toggle(element, trial, open) {
    const button = element.firstChild;
    const isOpen = button.getAttribute("aria-expanded") === "true";
    if (open === isOpen) return;
    button.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) element.lastChild.remove();
    else element.append(conversation.body(trial, named));
    if (!isOpen) try { history.replaceState(null, "", "#trial=" + encodeURIComponent(trial.id)); } catch { /* no address to change */ }
  }
  function mark(index) {
    const at = (each) => list.children[each - page * PAGE];
    if (at(current)) at(current).classList.remove("current");
    current = index;
    if (at(current)) at(current).classList.add("current");
  }

  function show() {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const first = page * PAGE;
    list.replaceChildren(...found.slice(first, first + PAGE).map((trial, at) => card(trial, first + at)));
    place("count").textContent = `${found.length.toLocaleString()} of ${data.trials.length.toLocaleString()} trials`;
    place("where").textContent = `page ${page + 1} of ${pages}`;
    place("earlier").disabled = page === 0;
    place("later").disabled = page >= pages - 1;
    place("pager").hidden = pages < 2;
  }
  function turn(by) {
    const before = page;
    page += by;
    show();
    if (page !== before) { current = page * PAGE - 1; place("filters").scrollIntoView(); }
  }
  function step(by) {
    const next = current < 0 || current < page * PAGE - 1 ? page * PAGE + (by > 0 ? 0 : -1) : current + by;
    if (next < 0 || next >= found.length) return;
    const opened = list.children[current - page * PAGE];
    if (opened) toggle(opened, found[current], false);
    if (Math.floor(next / PAGE) !== page) { page = Math.floor(next / PAGE); show(); }
    mark(next);
    const element = list.children[next - page * PAGE];
    toggle(element, found[next], true);
    element.firstChild.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
  }
  // The open conversation that is looked at: that which has the focus, or else the current one.
  function openBody() {
    const focused = document.activeElement && document.activeElement.closest(".trial .body");
    const element = list.children[current - page * PAGE];
    return focused || (element && element.querySelector(".body"));
  }
  function within(action) {
    const body = openBody();
    if (body) action(body);
  }
  // Up and down go from heading to heading, but only where one has the focus: elsewhere they scroll the page.
  function arrow(event) {
    if (!event.target.matches(".trial > button")) return false;
    const cards = [...list.children], at = cards.indexOf(event.target.parentNode);
    const next = cards[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (!next) return false;
    mark(page * PAGE + cards.indexOf(next));
    next.firstChild.focus();
    return true;
  }
  function openAddressed() {
    const match = /^#trial=(.+)$/.exec(location.hash);
    if (!match) return;
    let id = "";
    try { id = decodeURIComponent(match[1]); } catch { return; }
    const there = data.trials.some((trial) => trial.id === id);
    place("unknown").hidden = there;
    if (!there) {
      place("unknown").textContent = `There is no trial ${id} in this page. ` +
        "If the page has a sample of the trials, it is in the log; otherwise the link is to another study.";
      place("unknown").scrollIntoView();
      return;
    }
    if (!found.some((trial) => trial.id === id)) clearFilters();
    const index = found.findIndex((trial) => trial.id === id);
    page = Math.floor(index / PAGE);
    show();
    mark(index);
    toggle(list.children[index - page * PAGE], found[index], true);
    list.children[index - page * PAGE].scrollIntoView();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target === search) { search.blur(); return; }
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (/^Arrow(Up|Down)$/.test(event.key)) { if (arrow(event)) event.preventDefault(); return; }
    const actions = {
      j: () => step(1), k: () => step(-1), n: () => turn(1), p: () => turn(-1), "/": () => search.focus(),
      ArrowRight: () => within((body) => conversation.step(body, 1)),
      ArrowLeft: () => within((body) => conversation.step(body, -1)),
      x: () => within(conversation.toExit), c: () => within(conversation.toCoded),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });
  let waiting = 0;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  place("filters").addEventListener("change", (event) => { if (event.target !== search) filter(); });
  place("filters").addEventListener("reset", () => setTimeout(filter));
  place("filters").addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  place("earlier").addEventListener("click", () => turn(-1));
  place("later").addEventListener("click", () => turn(1));
  window.addEventListener("hashchange", openAddressed);

  buildFilters();
  if (data.trials.length) for (const id of ["filters", "list", "keys"]) place(id).hidden = false;
  show();
  openAddressed();
})();
