// Tables of the page to the clipboard, as cells that a spreadsheet takes. Works from the file system too.
(() => {
  function cellsOf(table) {
    const rows = [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim()).join("\t"));
    return rows.join("\n");
  }
  function byHand(text) {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
  async function copy(text) {
    try { await navigator.clipboard.writeText(text); return true; } catch { return byHand(text); }
  }
  for (const button of document.querySelectorAll("button.copy")) {
    const table = button.closest("section").querySelector("table");
    if (!table) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const done = await copy(cellsOf(table));
      button.textContent = done ? "Copied" : "Could not copy";
      setTimeout(() => { button.textContent = "Copy table"; }, 2000);
    });
  }
})();
