// What the console does beyond plain pages: local times, copy buttons, parts that follow what happens. Every page works
// without it. Markup comes from our own server only, through the one policy below.
"use strict";

const policy = globalThis.trustedTypes
  ? trustedTypes.createPolicy("tidings", { createHTML: (html) => html })
  : { createHTML: (html) => html };

// Times in the reader's own zone; the server's UTC stays in the title.
function localize(root) {
  const today = new Date().toDateString();
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
    time.textContent =
      at.toDateString() === today
        ? at.toLocaleTimeString(undefined, clock)
        : at.toLocaleString(undefined, { year: "numeric", month: "short", day: "numeric", ...clock });
  }
}

function enableCopy(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const copy = event.target.closest?.("button[data-copy]");
  if (copy) {
    const source = document.getElementById(copy.dataset.copy);
    await navigator.clipboard.writeText(source.textContent);
    const words = copy.textContent;
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = words), 1500);
    return;
  }
  const check = event.target.closest?.("button[data-check]");
  if (check) {
    for (const box of document.querySelectorAll('input[name="type"]')) {
      box.checked = check.dataset.check === "own" && !box.value.includes(".public.");
    }
  }
});

// A part's new markup, without losing what the reader has opened, and never under their cursor.
function replace(id, mark, html) {
  const part = document.getElementById(id);
  if (!part || part.dataset.mark === mark) return;
  const focused = document.activeElement;
  if (part.contains(focused) && focused.matches("input, select, textarea")) return;
  const open = new Map([...part.querySelectorAll("details[id]")].map((box) => [box.id, box.open]));
  const focusedId = part.contains(focused) ? focused.id || focused.getAttribute("href") : null;
  part.innerHTML = policy.createHTML(html);
  part.dataset.mark = mark;
  for (const [box, isOpen] of open) {
    const fresh = document.getElementById(box);
    if (fresh) fresh.open = isOpen;
  }
  if (focusedId) {
    const again = [...part.querySelectorAll("a, button, summary, pre")].find(
      (element) => element.id === focusedId || element.getAttribute("href") === focusedId,
    );
    again?.focus();
  }
  localize(part);
  enableCopy(part);
}

function follow() {
  const main = document.querySelector("main[data-live]");
  if (!main) return;
  const mark = document.querySelector(".livemark");
  let source;
  const open = () => {
    source = new EventSource(location.href);
    source.addEventListener("open", () => mark && (mark.hidden = false));
    source.addEventListener("error", () => mark && (mark.hidden = true));
    source.addEventListener("part", (event) => {
      const { id, mark, html } = JSON.parse(event.data);
      replace(id, mark, html);
    });
  };
  // Nobody watches a hidden page.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source?.close();
    else if (source.readyState === EventSource.CLOSED) open();
  });
  open();
}

// The API's reference: only the operations that hold every word, by method, path, summary or scope.
function enableFilter() {
  const box = document.querySelector("[data-filter]");
  if (!box) return;
  box.hidden = false;
  const operations = [...document.querySelectorAll(".operation")].map((element) => {
    const head = [...element.querySelectorAll(":scope > h3, :scope > p")].map((part) => part.textContent);
    return { element, words: `${element.id} ${head.join(" ")}`.toLowerCase() };
  });
  box.querySelector("input").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { element, words } of operations) {
      element.hidden = !wanted.every((word) => words.includes(word));
      if (!element.hidden) found += 1;
    }
    for (const section of document.querySelectorAll(".docs > section")) {
      const own = section.querySelectorAll(".operation");
      section.hidden = wanted.length > 0 && ![...own].some((element) => !element.hidden);
    }
    document.getElementById("found").textContent = wanted.length ? `${found} of ${operations.length} operations` : "";
  });
}

localize(document);
enableCopy(document);
enableFilter();
for (const hidden of document.querySelectorAll("p.all")) hidden.hidden = false;
document.querySelector("form[data-send-at-once]")?.requestSubmit();
follow();
