// One step at a time: which is shown stands in the address (#step-12), so that Back and links work.
"use strict";
(() => {
  const steps = [...document.querySelectorAll(".step")];
  const at = (id) => document.getElementById(id);
  const lines = [...at("source").querySelectorAll(".line")];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const words = (text) => new Set(text.split(" ").filter(Boolean));
  let current = 1;
  let chapterShown = null; // only within a chapter does its picture glide

  function number() {
    const found = /^#step-(\d+)$/.exec(location.hash || "#step-1");
    return found ? Math.min(Math.max(Number(found[1]), 1), steps.length) : current;
  }

  function center(frame, parts, glide, across = true) {
    if (!parts.length) return;
    const outer = frame.getBoundingClientRect();
    const boxes = parts.map((part) => part.getBoundingClientRect());
    const middle = (low, high) =>
      (Math.min(...boxes.map((b) => b[low])) + Math.max(...boxes.map((b) => b[high]))) / 2;
    frame.scrollBy({
      left: across ? middle("left", "right") - (outer.left + outer.right) / 2 : 0,
      top: middle("top", "bottom") - (outer.top + outer.bottom) / 2,
      behavior: glide && !calm.matches ? "smooth" : "instant",
    });
  }

  function mark(picture, step, shown, glide) {
    const now = words(step.dataset.now), reads = words(step.dataset.reads);
    for (const box of picture.querySelectorAll("[data-box]")) {
      box.classList.toggle("now", now.has(box.dataset.box));
      box.classList.toggle("read", reads.has(box.dataset.box));
      box.classList.toggle("later", Number(box.dataset.step) > shown);
    }
    for (const arrow of picture.querySelectorAll("[data-ends]")) {
      const [tail, head] = arrow.dataset.ends.split(" ");
      arrow.classList.toggle("read", reads.has(tail) && now.has(head));
    }
    const marked = picture.querySelectorAll(".now");
    center(picture, [...(marked.length ? marked : picture.querySelectorAll(".read"))], glide);
  }

  function show() {
    const shown = (current = number()), step = steps[shown - 1], chapter = step.closest(".chapter");
    for (const other of steps) other.classList.toggle("shown", other === step);
    for (const other of document.querySelectorAll(".chapter"))
      other.classList.toggle("shown", other === chapter);
    for (const link of document.querySelectorAll("[data-chapter]"))
      if (link.dataset.chapter === chapter.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    const own = words(step.dataset.lines);
    for (const line of lines) line.classList.toggle("now", own.has(line.dataset.n));
    const glide = chapter === chapterShown;
    chapterShown = chapter;
    const picture = chapter.querySelector(".picture");
    mark(picture, step, shown, glide);
    const stacked = picture.offsetLeft === step.offsetLeft; // a narrow window is scrolled as a whole
    const hidden = step.getBoundingClientRect().top < picture.getBoundingClientRect().bottom;
    if (stacked && hidden) step.scrollIntoView({ behavior: "instant" });
    const lit = lines.filter((line) => own.has(line.dataset.n));
    const near = lit.filter((line) => Number(line.dataset.n) < Number(lit[0].dataset.n) + 8);
    center(at("source").querySelector("pre"), near, glide, false);
    chapter.querySelector(".steps").scrollTop = 0;
    at("slider").value = shown;
    at("where").textContent = `Step ${shown} of ${steps.length}: ${step.dataset.title}`;
    at("slider").setAttribute("aria-valuetext", at("where").textContent);
    at("previous").setAttribute("aria-disabled", shown === 1);
    at("next").setAttribute("aria-disabled", shown === steps.length);
  }

  function go(shown) {
    if (shown >= 1 && shown <= steps.length) location.hash = `step-${shown}`;
  }

  const move = { ArrowLeft: -1, PageUp: -1, ArrowRight: 1, PageDown: 1 }; // a clicker's keys too
  at("previous").addEventListener("click", () => go(number() - 1));
  at("next").addEventListener("click", () => go(number() + 1));
  at("slider").addEventListener("input", (event) => location.replace(`#step-${event.target.value}`));
  addEventListener("keydown", (event) => {
    const plain = !(event.altKey || event.ctrlKey || event.metaKey || event.shiftKey);
    if (!plain || !(event.key in move) || event.target.closest("input")) return;
    event.preventDefault();
    go(number() + move[event.key]);
  });
  for (const picture of document.querySelectorAll(".picture"))
    picture.addEventListener("click", (event) => {
      const box = event.target.closest("[data-step]");
      if (box) go(Number(box.dataset.step));
    });
  addEventListener("hashchange", show);
  document.documentElement.classList.add("stepping");
  show();
})();
