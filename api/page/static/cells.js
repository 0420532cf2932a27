// Draws each machine of a set as a cell. Cells that look alike are one path: ten thousand machines are a few dozen.
"use strict";

(() => {
  const place = document.getElementById("cells");
  const by = document.getElementById("cells-by");
  const told = document.getElementById("cell-told");
  if (!place || !by) return;

  const SVG = "http://www.w3.org/2000/svg";
  const LOOKS = JSON.parse(place.dataset.looks); // what a machine does: [letter, colour, words]
  const ORDER = Object.keys(LOOKS);
  const LETTERS_UP_TO = 1_500; // more cells are told apart by patterns
  const GROUPS_AT_MOST = 400;

  let drawn = []; // of each group: {svg, cells, size, columns}
  let at = null; // the cell that the keyboard is at: [group, index]

  const element = (name, attributes, ...within) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    made.append(...within);
    return made;
  };

  const html = (name, attributes, ...within) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    made.append(...within);
    return made;
  };

  const read = (text) => {
    const machines = [];
    for (const [doing, ranges, batch, zone, domain, version, health] of text ? JSON.parse(text) : []) {
      for (const span of ranges.split(",")) {
        const [first, last] = span.split("-").map(Number);
        for (let id = first; id <= (last ?? first); id += 1) {
          machines.push({ id, doing, batch, zone, domain, version, health });
        }
      }
    }
    return machines.sort((one, other) => one.id - other.id);
  };

  const KEYS = {
    batch: (one) => [one.batch || Infinity, one.batch ? `batch ${one.batch}` : "in no batch"],
    zone: (one) => [one.zone, one.zone ? `zone ${one.zone}` : "in no zone"],
    domain: (one) => [one.domain, `update domain ${one.domain}`],
    version: (one) => [one.version, one.version ? `on ${one.version}` : "on no image"],
    doing: (one) => [ORDER.indexOf(one.doing), LOOKS[one.doing][2]],
  };

  const groups = (machines) => {
    const found = new Map();
    for (const one of machines) {
      const [key, name] = KEYS[by.value](one);
      if (!found.has(name)) found.set(name, { key, name, cells: [] });
      found.get(name).cells.push(one);
    }
    const listed = [...found.values()];
    const compare = (a, b) => (typeof a.key === "number" ? a.key - b.key : a.key.localeCompare(b.key, undefined, { numeric: true }));
    listed.sort(compare);
    if (listed.length <= GROUPS_AT_MOST) return listed;
    const first = listed.slice(0, GROUPS_AT_MOST - 1);
    const rest = listed.slice(GROUPS_AT_MOST - 1);
    return [...first, { name: `${rest.length} more groups`, cells: rest.flatMap((one) => one.cells) }];
  };

  const summary = (cells) => {
    const counts = new Map();
    for (const one of cells) counts.set(one.doing, (counts.get(one.doing) || 0) + 1);
    return ORDER.filter((doing) => counts.has(doing)).map((doing) => `${counts.get(doing)} ${LOOKS[doing][2]}`).join(", ");
  };

  const words = (one) => [
    `machine ${one.id}: ${LOOKS[one.doing][2]}`,
    one.batch ? `batch ${one.batch}` : "in no batch",
    one.zone ? `zone ${one.zone}` : "",
    `update domain ${one.domain}`,
    one.version ? `on ${one.version}` : "",
    one.health,
  ].filter(Boolean).join(", ");

  const draw = (machines) => {
    const letters = machines.length <= LETTERS_UP_TO;
    const size = machines.length <= 300 ? 24 : letters ? 16 : machines.length <= 4_000 ? 11 : 8;
    const width = Math.max(size, place.clientWidth - 2);
    const all = groups(machines);
    const beside = machines.length > 300 && all.length > 4 && width > 900 ? 3 : 1; // many groups stand side by side
    place.replaceChildren();
    drawn = all.map((group) => {
      const room = group.cells.length > 1_000 ? width : width / beside - (beside > 1 ? 24 : 0);
      const columns = Math.max(1, Math.floor(room / size));
      const rows = Math.ceil(group.cells.length / columns);
      const across = Math.min(columns, group.cells.length);
      const text = `${group.name}: ${group.cells.length} machines: ${summary(group.cells)}`;
      const svg = element("svg", {
        class: "cells", width: across * size, height: rows * size, viewBox: `0 0 ${across * size} ${rows * size}`,
        role: "application", "aria-roledescription": "picture of machines", "aria-label": text, tabindex: "-1",
      });
      const paths = new Map();
      const inner = size - (size > 10 ? 2 : 1);
      group.cells.forEach((one, index) => {
        const x = (index % columns) * size;
        const y = Math.floor(index / columns) * size;
        const had = paths.get(one.doing) || [];
        had.push(`M${x} ${y}h${inner}v${inner}h-${inner}z`);
        paths.set(one.doing, had);
      });
      for (const [doing, parts] of paths) {
        const d = parts.join("");
        svg.append(element("path", { class: `cell ${LOOKS[doing][1]}`, "data-doing": doing, d }));
        if (!letters) svg.append(element("path", { class: "pattern", fill: `url(#pattern-${LOOKS[doing][1]})`, d }));
      }
      if (letters) {
        group.cells.forEach((one, index) => {
          svg.append(element("text", {
            class: `letter ${LOOKS[one.doing][1]}`, x: (index % columns) * size + inner / 2,
            y: Math.floor(index / columns) * size + inner / 2, "font-size": size * 0.6,
          }, LOOKS[one.doing][0]));
        });
      }
      svg.append(element("title", {}, text));
      place.append(html("section", { class: "cell-group", "data-group": group.name }, html("h3", {}, group.name, html("span", { class: "dim" }, ` ${summary(group.cells)}`)), svg));
      return { svg, cells: group.cells, size, columns };
    });
    if (drawn.length) drawn[0].svg.setAttribute("tabindex", "0");
    place.dataset.drawn = String(machines.length);
    if (at) {
      const id = at.id;
      at = null;
      drawn.some((group, index) => {
        const cell = group.cells.findIndex((one) => one.id === id);
        if (cell >= 0) mark(index, cell, false);
        return cell >= 0;
      });
    }
  };

  const mark = (group, index, focus) => {
    for (const one of drawn) {
      one.svg.querySelector(".cursor")?.remove();
      one.svg.setAttribute("tabindex", "-1");
    }
    const { svg, cells, size, columns } = drawn[group];
    at = { group, index, id: cells[index].id };
    svg.append(element("rect", { class: "cursor", x: (index % columns) * size, y: Math.floor(index / columns) * size, width: size - 1, height: size - 1 }));
    svg.setAttribute("tabindex", "0");
    if (focus) svg.focus({ preventScroll: false });
    told.textContent = words(cells[index]);
  };

  const open = (one) => {
    window.htmx.ajax("GET", place.dataset.machines + one.id, "#machine")
      .then(() => document.getElementById("machine").focus());
  };

  const under = (event) => {
    const svg = event.target.closest("svg.cells");
    const group = drawn.findIndex((one) => one.svg === svg);
    if (group < 0) return null;
    const box = svg.getBoundingClientRect();
    const { size, columns, cells } = drawn[group];
    const scale = box.width / Number(svg.getAttribute("width"));
    const column = Math.floor((event.clientX - box.left) / (size * scale));
    const row = Math.floor((event.clientY - box.top) / (size * scale));
    const index = row * columns + column;
    return column < columns && cells[index] ? { group, index, one: cells[index] } : null;
  };

  place.addEventListener("pointermove", (event) => {
    const found = under(event);
    if (!found) return;
    told.textContent = words(found.one);
    drawn[found.group].svg.lastElementChild.ownerSVGElement.querySelector("title").textContent = words(found.one);
  });

  place.addEventListener("click", (event) => {
    const found = under(event);
    if (!found) return;
    mark(found.group, found.index, true);
    open(found.one);
  });

  place.addEventListener("keydown", (event) => {
    if (!drawn.length) return;
    let { group, index } = at || { group: 0, index: -1 };
    const { cells, columns } = drawn[group];
    if (event.key === "ArrowRight") index += 1;
    else if (event.key === "ArrowLeft") index -= 1;
    else if (event.key === "ArrowDown") index = index < 0 ? 0 : index + columns;
    else if (event.key === "ArrowUp") index -= columns;
    else if (event.key === "Home") index = 0;
    else if (event.key === "End") index = cells.length - 1;
    else if (event.key === "PageDown") { group += 1; index = 0; }
    else if (event.key === "PageUp") { group -= 1; index = 0; }
    else if ((event.key === "Enter" || event.key === " ") && at) { event.preventDefault(); open(cells[index]); return; }
    else return;
    event.preventDefault();
    if (index >= cells.length && group === at?.group) { group += 1; index = 0; }
    if (index < 0) { group -= 1; index = group >= 0 ? drawn[group].cells.length - 1 : 0; }
    group = Math.min(Math.max(0, group), drawn.length - 1);
    index = Math.min(Math.max(0, index), drawn[group].cells.length - 1);
    mark(group, index, true);
  });

  let text = place.dataset.cells;
  let due = 0;
  const redraw = () => {
    cancelAnimationFrame(due);
    due = requestAnimationFrame(() => {
      if (!text) { place.replaceChildren(html("p", { class: "dim" }, "The machines are not known just now.")); return; }
      const focused = place.contains(document.activeElement);
      draw(read(text));
      if (focused && at) drawn[at.group].svg.focus({ preventScroll: true });
    });
  };

  by.addEventListener("change", redraw);
  document.body.addEventListener("instar:cells", (event) => { text = event.detail; redraw(); });
  let width = place.clientWidth;
  new ResizeObserver(() => {
    if (place.clientWidth === width) return;
    width = place.clientWidth;
    redraw();
  }).observe(place);
  redraw();
})();
