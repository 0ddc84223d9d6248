// Folded parts of the page: opened when a link leads into them, and all of them for printing.
(() => {
  function reveal() {
    if (location.hash.length < 2) return;
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (const folded of target.querySelectorAll(":scope > details.part")) folded.open = true;
    for (let at = target.parentElement; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView();
  }
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("main > section:not(#trials) details:not([open]), main > section > details:not([open])")]
      .filter((each) => !each.closest("#trials"));
    for (const each of opened) each.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
    opened = [];
  });
  window.addEventListener("hashchange", reveal);
  reveal();
})();
