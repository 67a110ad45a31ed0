"use strict";
// Draws zones over a photo. Coordinates of zones are 0..1 of its width and height; those of the SVG are its pixels.

const COLOURS = ["#4a9cf6", "#fa983c", "#60c470", "#ec77b4", "#966eeb", "#f0ce4a", "#40c4be"];
const MASK_COLOUR = "#a3a3a3";
const SNAP = 10; // pixels on the screen
const byId = (id) => document.getElementById(id);
const svg = byId("picture");
const stage = byId("stage"); // a little larger than the picture, so that its border is easy to reach
const size = { width: 1, height: 1 };
const state = { zones: [], selected: -1, corner: -1, draft: null, pointer: null, drag: null, past: [], dirty: false };

// --- geometry ---

const scale = () => {
  const box = svg.getBoundingClientRect();
  return Math.max(size.width / box.width, size.height / box.height) || 1; // photo pixels for one pixel on the screen
};
const clamp = (value) => Math.min(1, Math.max(0, value));
const rounded = (point) => point.map((value) => Math.round(clamp(value) * 1e5) / 1e5);
const pixels = (points) => points.map(([x, y]) => `${x * size.width},${y * size.height}`).join(" ");
const distance = (a, b) => Math.hypot((a[0] - b[0]) * size.width, (a[1] - b[1]) * size.height) / scale();

function place(event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [at.x / size.width, at.y / size.height];
}

// The nearest corner of another zone, else the frame's border, so that zones can share sides to the last digit.
function snapped(point, event, leaveOut) {
  if (event.altKey) return rounded(point);
  const corners = state.zones.flatMap((zone, i) => zone.points.filter((_, j) => i !== leaveOut?.zone || j !== leaveOut?.corner));
  const near = corners.filter((corner) => distance(corner, point) < SNAP);
  near.sort((a, b) => distance(a, point) - distance(b, point));
  if (near.length) return [...near[0]];
  const reach = [(SNAP * scale()) / size.width, (SNAP * scale()) / size.height];
  return rounded(point.map((value, axis) => (value < reach[axis] ? 0 : value > 1 - reach[axis] ? 1 : value)));
}

function middle(points) { // the centroid; the mean of the corners where the area is next to nothing
  let area = 0, x = 0, y = 0;
  points.forEach(([ax, ay], i) => {
    const [bx, by] = points[(i + 1) % points.length], part = ax * by - bx * ay;
    area += part; x += (ax + bx) * part; y += (ay + by) * part;
  });
  if (Math.abs(area) > 1e-9) return [x / (3 * area), y / (3 * area)];
  return [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
}

function colour(index) {
  if (state.zones[index].kind === "exclude") return MASK_COLOUR;
  const counted = state.zones.slice(0, index).filter((zone) => zone.kind === "count").length;
  return COLOURS[counted % COLOURS.length];
}

// --- changes ---

const copied = (zones) => zones.map((zone) => ({ ...zone, points: zone.points.map((point) => [...point]) }));

function remember() {
  state.past.push(copied(state.zones));
  if (state.past.length > 200) state.past.shift();
  changed();
}

function changed() {
  state.dirty = true;
  tell("Not saved");
}

function undo() {
  if (state.draft) state.draft.pop();
  else if (state.past.length) {
    state.zones = state.past.pop();
    state.selected = Math.min(state.selected, state.zones.length - 1);
    state.corner = -1;
    changed();
  }
  draw();
}

function freeName() {
  for (let number = state.zones.length + 1; ; number++) {
    if (!state.zones.some((zone) => zone.name === `zone ${number}`)) return `zone ${number}`;
  }
}

function begin() {
  Object.assign(state, { draft: [], selected: -1, corner: -1, pointer: null });
  draw();
}

function finish() {
  const points = state.draft;
  if (!points || points.length < 3) return;
  remember();
  state.zones.push({ name: freeName(), kind: "count", points });
  Object.assign(state, { draft: null, selected: state.zones.length - 1, corner: -1 });
  draw();
  const inputs = byId("zones").querySelectorAll("input");
  inputs[inputs.length - 1].focus();
  inputs[inputs.length - 1].select();
}

function remove(index) {
  remember();
  state.zones.splice(index, 1);
  Object.assign(state, { selected: -1, corner: -1 });
  draw();
}

function removeSelected() {
  const zone = state.zones[state.selected];
  if (!zone) return;
  if (state.corner < 0) remove(state.selected);
  else if (zone.points.length > 3) {
    remember();
    zone.points.splice(state.corner, 1);
    state.corner = -1;
    draw();
  }
}

// --- the pointer ---

function pressed(event) {
  if (event.button !== 0) return;
  event.preventDefault();
  document.activeElement?.blur();
  if (state.draft) return drawn(event);
  const { zone, corner, between } = event.target.dataset;
  state.selected = zone === undefined ? -1 : Number(zone);
  state.corner = corner === undefined ? -1 : Number(corner);
  if (between !== undefined) state.corner = Number(between);
  if (zone !== undefined) {
    stage.setPointerCapture(event.pointerId);
    const before = copied(state.zones);
    state.drag = { from: place(event), points: before[state.selected].points, before, moved: false, between };
  }
  draw();
}

function drawn(event) {
  const point = snapped(place(event), event);
  const [first] = state.draft, last = state.draft[state.draft.length - 1];
  if (state.draft.length > 2 && distance(first, place(event)) < SNAP) return finish();
  if (!last || distance(last, point) > 2) state.draft.push(point);
  draw();
}

function moved(event) {
  state.pointer = place(event);
  if (state.draft) return draw();
  const { drag } = state;
  if (!drag || (!drag.moved && distance(drag.from, state.pointer) < 3)) return;
  const zone = state.zones[state.selected];
  if (!drag.moved && drag.between !== undefined) {
    zone.points.splice(state.corner, 0, drag.from);
  }
  drag.moved = true;
  if (state.corner >= 0) zone.points[state.corner] = snapped(state.pointer, event, { zone: state.selected, corner: state.corner });
  else zone.points = shifted(drag.points, [state.pointer[0] - drag.from[0], state.pointer[1] - drag.from[1]]);
  draw();
}

function shifted(points, by) { // no further than to the frame's border
  const step = by.map((value, axis) => {
    const values = points.map((point) => point[axis]);
    return Math.min(1 - Math.max(...values), Math.max(-Math.min(...values), value));
  });
  return points.map(([x, y]) => rounded([x + step[0], y + step[1]]));
}

function released() {
  const { drag } = state;
  state.drag = null;
  if (drag?.moved) {
    state.past.push(drag.before);
    changed();
  }
  draw();
}

function typed(event) {
  const writing = event.target instanceof HTMLInputElement;
  const control = event.ctrlKey || event.metaKey;
  const keys = {
    Enter: () => (writing ? event.target.blur() : finish()),
    Escape: () => { state.draft = null; state.corner = -1; draw(); },
    Delete: removeSelected, Backspace: removeSelected, n: begin, N: begin,
  };
  const controls = { z: undo, s: save };
  if (writing && !control && event.key !== "Enter") return;
  if (writing && event.key === "z") return;
  const action = control ? controls[event.key] : keys[event.key];
  if (!action || (event.key === "Enter" && event.target instanceof HTMLButtonElement)) return;
  event.preventDefault();
  action();
}

// --- the picture ---

function shape(kind, attributes, data = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  Object.assign(element.dataset, data);
  return element;
}

function zoneShapes(zone, index) {
  const unit = scale(), chosen = index === state.selected;
  const points = pixels(zone.points);
  const fill = zone.kind === "exclude" ? "url(#hatch)" : colour(index);
  const [x, y] = middle(zone.points);
  const name = shape("text", { class: "name", x: x * size.width, y: y * size.height, "font-size": 15 * unit, "stroke-width": 4 * unit });
  name.textContent = zone.name;
  return [
    shape("polygon", { class: "under", points, "stroke-width": 5 * unit }),
    shape("polygon", {
      class: `zone ${chosen ? "selected" : ""} ${zone.kind === "exclude" ? "masked" : ""}`, points, fill, stroke: colour(index), "stroke-width": (chosen ? 3 : 2) * unit,
    }, { zone: index }),
    name,
  ];
}

function handles(zone, index) {
  const unit = scale();
  const at = ([x, y], radius, attributes, data) => shape("circle", {
    cx: x * size.width, cy: y * size.height, r: radius * unit, stroke: colour(index), "stroke-width": 2 * unit, ...attributes,
  }, { zone: index, ...data });
  const between = zone.points.map((point, i) => {
    const next = zone.points[(i + 1) % zone.points.length];
    return at([(point[0] + next[0]) / 2, (point[1] + next[1]) / 2], 4.5, { class: "between" }, { between: i + 1 });
  });
  const corners = zone.points.map((point, i) =>
    at(point, 7, { class: i === state.corner ? "corner active" : "corner" }, { corner: i }));
  return [...between, ...corners];
}

function draftShapes() {
  const unit = scale();
  const points = state.pointer ? [...state.draft, state.pointer] : state.draft;
  const dots = state.draft.map(([x, y], i) => shape("circle", {
    class: "corner", cx: x * size.width, cy: y * size.height, r: (i ? 5 : 8) * unit, stroke: "#0b0d10", "stroke-width": 2 * unit,
  }));
  const line = { points: pixels(points) };
  return [
    shape("polyline", { class: "under", ...line, "stroke-width": 5 * unit }),
    shape("polyline", { class: "draft", ...line, "stroke-width": 2 * unit, "stroke-dasharray": `${7 * unit} ${5 * unit}` }),
    ...dots,
  ];
}

function hatch() {
  const unit = scale();
  const definitions = shape("defs", {});
  const pattern = shape("pattern", { id: "hatch", width: 10 * unit, height: 10 * unit, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  pattern.append(shape("rect", { width: 10 * unit, height: 10 * unit, fill: "#000", "fill-opacity": 0.55 }));
  pattern.append(shape("rect", { width: 3 * unit, height: 10 * unit, fill: MASK_COLOUR, "fill-opacity": 0.6 }));
  definitions.append(pattern);
  return definitions;
}

function draw() {
  const zone = state.zones[state.selected];
  svg.classList.toggle("drawing", Boolean(state.draft));
  svg.querySelectorAll(":scope > :not(image)").forEach((element) => element.remove());
  svg.append(
    hatch(),
    ...state.zones.flatMap(zoneShapes),
    ...(zone ? handles(zone, state.selected) : []),
    ...(state.draft ? draftShapes() : []),
  );
  byId("hint").textContent = hint();
  byId("undo").disabled = !state.past.length && !state.draft?.length;
  byId("empty").hidden = state.zones.length > 0;
  list();
}

function hint() {
  if (!state.draft) return "";
  if (state.draft.length < 3) return "Click the corners of the area, one after the other · Esc stops";
  return "Click the first corner or press Enter to close the zone";
}

// --- the list ---

function list() {
  const rows = [...byId("zones").children];
  while (rows.length > state.zones.length) rows.pop().remove();
  while (rows.length < state.zones.length) {
    rows.push(row(rows.length));
    byId("zones").append(rows[rows.length - 1]);
  }
  state.zones.forEach((zone, index) => fill(rows[index], zone, index));
}

function row(index) {
  const item = document.createElement("li");
  item.innerHTML = '<span class="swatch"></span><input maxlength="64" aria-label="Name" spellcheck="false">' +
    '<button type="button" class="remove" title="Delete the zone" aria-label="Delete the zone">✕</button>' +
    '<div class="kinds"><button type="button" data-kind="count">Count</button>' +
    '<button type="button" data-kind="exclude">Exclude</button><span></span></div>';
  const input = item.querySelector("input");
  let before = "";
  const choose = () => { if (state.selected !== index) { state.selected = index; state.corner = -1; draw(); } };
  input.addEventListener("focus", () => { before = input.value; choose(); });
  input.addEventListener("input", () => { state.zones[index].name = input.value; changed(); draw(); });
  input.addEventListener("change", () => {
    const past = copied(state.zones);
    past[index].name = before;
    state.past.push(past);
    before = input.value;
    draw();
  });
  item.querySelector(".remove").addEventListener("click", (event) => { event.stopPropagation(); remove(index); });
  item.querySelectorAll("[data-kind]").forEach((button) => button.addEventListener("click", () => {
    if (state.zones[index].kind === button.dataset.kind) return;
    remember();
    state.zones[index].kind = button.dataset.kind;
    draw();
  }));
  item.addEventListener("click", choose);
  return item;
}

function fill(item, zone, index) {
  item.className = index === state.selected ? "selected" : "";
  if (zone.name === state.wrong) item.classList.add("wrong");
  item.querySelector(".swatch").style.background = colour(index);
  const input = item.querySelector("input");
  if (input.value !== zone.name) input.value = zone.name;
  item.querySelectorAll("[data-kind]").forEach((button) =>
    button.setAttribute("aria-pressed", String(button.dataset.kind === zone.kind)));
  item.querySelector(".kinds span").textContent = `${zone.points.length} corners${zone.ground ? " · m²" : ""}`;
}

// --- the server ---

function tell(text) {
  byId("status").textContent = text;
}

function complain(error) {
  byId("error").hidden = !error;
  byId("error").textContent = error ? `${error.message}${error.hint ? ` (${error.hint})` : ""}` : "";
  state.wrong = error?.details?.zone;
}

function collection() {
  const features = state.zones.map(({ name, kind, ground, points }) => ({
    type: "Feature",
    properties: { name, kind, ...(ground ? { ground } : {}) },
    geometry: { type: "Polygon", coordinates: [[...points, points[0]]] },
  }));
  return JSON.stringify({ type: "FeatureCollection", features });
}

async function ask(options) {
  try {
    const answer = await fetch("zones", options);
    const record = await answer.json();
    return answer.ok ? record : { error: record.error };
  } catch {
    return { error: { message: "skt-zones does not answer", hint: "it was stopped; start it again and reload this page" } };
  }
}

async function save() {
  const sent = collection();
  tell("Saving…");
  const { error } = await ask({ method: "PUT", body: sent });
  complain(error);
  state.dirty = Boolean(error) || sent !== collection();
  tell(error ? "Not saved" : state.dirty ? "Not saved" : "Saved");
  draw();
}

async function open() {
  const record = await ask({});
  complain(record.error);
  if (record.error) byId("save").disabled = true; // or the file that cannot be read would be lost
  byId("photo").textContent = record.photo ?? "";
  document.title = record.photo ? `Zones · ${record.photo}` : "Zones";
  byId("save").title = `Ctrl+S: ${record.file ?? ""}`;
  state.zones = (record.features ?? []).map(({ properties, geometry }) => ({
    ...properties, points: geometry.coordinates[0].slice(0, -1),
  }));
  const photo = new Image();
  photo.src = "photo.jpg";
  await photo.decode();
  Object.assign(size, { width: photo.naturalWidth, height: photo.naturalHeight });
  svg.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  svg.append(shape("image", { href: "photo.jpg", ...size }));
  draw();
  document.body.dataset.ready = "yes";
}

stage.addEventListener("pointerdown", pressed);
stage.addEventListener("pointermove", moved);
stage.addEventListener("pointerup", released);
stage.addEventListener("pointercancel", released);
addEventListener("keydown", typed);
addEventListener("beforeunload", (event) => { if (state.dirty) event.preventDefault(); });
new ResizeObserver(draw).observe(svg);
byId("new").addEventListener("click", begin);
byId("undo").addEventListener("click", undo);
byId("save").addEventListener("click", save);
open();
