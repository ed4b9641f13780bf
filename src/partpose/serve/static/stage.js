// A picture with parts on it, which can be pointed at, picked, moved, pulled and turned.

import { axisEnd, clamp, pulled, reach } from "./ellipse.js";

const SVG = "http://www.w3.org/2000/svg";
const NEAR = { mouse: 12, touch: 26, pen: 16 }; // CSS pixels around a part's middle that count as it

function make(parent, name, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  set(element, attributes);
  parent.append(element);
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

const degrees = (angle) => (angle * 180) / Math.PI;

/**
 * events: hover(part or null), pick(part or null), change(part, ellipse), key(part, event), all optional; parts can be
 * moved where there is `change`.
 */
export class Stage {
  constructor(element, label, events) {
    this.events = events;
    this.view = null;
    this.drag = null;
    this.frame = element.appendChild(Object.assign(document.createElement("div"), { className: "frame" }));
    [this.picture, this.glow] = ["picture", "glow"].map((name) => {
      const canvas = this.frame.appendChild(Object.assign(document.createElement("canvas"), { className: name }));
      canvas.setAttribute("aria-hidden", "true");
      return canvas;
    });
    this.svg = make(this.frame, "svg", { role: "group", "aria-label": label });
    [this.parts, this.names, this.handles] = ["parts", "names", "handles"].map((name) => make(this.svg, "g", { class: name }));
    set(this.names, { "aria-hidden": "true" });
    this.groups = [];
    this.listen();
    new ResizeObserver(() => this.view && this.render()).observe(element);
  }

  /**
   * view: { width, height, square, ellipses, solid, colours, names, said, shown, selected, hovered, worn, quiet, paint,
   * paintGlow }: sizes and ellipses in pixels of the original, `solid` the parts' opacities, `worn` a set or null, `quiet`
   * draws dots alone, and paint(context) fills the picture.
   */
  show(view) {
    this.view = view;
    this.render();
  }

  render() {
    const { width, height } = this.view;
    this.frame.style.aspectRatio = `${width} / ${height}`;
    this.frame.classList.toggle("tall", height > width);
    this.unit = width / Math.max(this.frame.clientWidth, 1);
    set(this.svg, { viewBox: `0 0 ${width} ${height}` });
    this.paint();
    this.mark();
  }

  paint() {
    this.fill(this.picture, this.view.paint);
    this.glow.classList.toggle("on", Boolean(this.view.paintGlow));
    if (this.view.paintGlow) this.fill(this.glow, this.view.paintGlow);
  }

  fill(canvas, paint) {
    const density = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [this.frame.clientWidth, this.frame.clientHeight].map((side) => Math.max(Math.round(side * density), 1));
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.scale(width / this.view.width, height / this.view.height);
    paint(context);
  }

  /** Draw the parts, as they are now. */
  mark() {
    const { ellipses, selected } = this.view;
    if (this.groups.length !== ellipses.length) this.build(ellipses.length);
    this.groups.forEach((group, part) => this.markPart(group, part));
    this.markHandles(this.events.change && !this.view.quiet ? selected : null);
  }

  build(count) {
    this.parts.replaceChildren();
    this.names.replaceChildren();
    this.groups = Array.from({ length: count }, (_, part) => {
      const group = make(this.parts, "g", { class: "part", "data-part": part, role: "button", tabindex: -1 });
      const [rim, body, ring] = ["rim", "body", "ring"].map((name) => make(group, "ellipse", { class: name }));
      const [hit, rimOfDot, dot] = ["hit", "dot-rim", "dot"].map((name) => make(group, "circle", { class: name }));
      return { group, rim, body, ring, hit, rimOfDot, dot, name: make(this.names, "text", {}) };
    });
  }

  markPart({ group, rim, body, ring, hit, rimOfDot, dot, name }, part) {
    const { ellipses, solid, colours, said, selected, hovered, worn, quiet } = this.view;
    const { mean: [mx, my], radii, angle } = ellipses[part];
    const [x, y, u] = [mx + 0.5, my + 0.5, this.unit];
    const active = part === selected || part === hovered;
    group.setAttribute("class", ["part", part === selected && "selected", part === hovered && "hovered", worn && !worn.has(part) && "off", quiet && !active && "quiet"].filter(Boolean).join(" "));
    set(group, { "aria-label": said[part], "aria-pressed": worn ? worn.has(part) : part === selected });
    group.setAttribute("tabindex", part === (selected ?? 0) && (this.events.change || worn) ? 0 : -1);
    group.style.opacity = active ? 1 : solid[part];
    const turn = `rotate(${degrees(angle)} ${x} ${y})`;
    for (const [shape, more] of [[rim, 0], [body, 0], [ring, 5 * u]]) {
      set(shape, { cx: x, cy: y, rx: radii[0] + more, ry: radii[1] + more, transform: turn });
    }
    for (const shape of [body, dot]) shape.style.setProperty("--colour", colours[part]);
    for (const [shape, r] of [[hit, NEAR.touch * 0.8], [rimOfDot, 5], [dot, 3.6]]) set(shape, { cx: x, cy: y, r: r * u });
    this.markName(name, part, x, y);
  }

  markName(text, part, x, y) {
    const { ellipses, names, colours, shown, hovered, selected, quiet } = this.view;
    const visible = (shown && !quiet) || part === hovered || part === selected;
    text.style.display = visible ? "" : "none";
    if (!visible) return;
    text.textContent = names[part];
    const middle = ellipses.reduce((sum, one) => sum + one.mean[0], 0) / ellipses.length;
    const length = (12 + 7.4 * text.textContent.length) * this.unit;
    const [fitsLeft, fitsRight] = [x > length, x + length < this.view.width];
    const side = x < middle ? (fitsLeft || !fitsRight ? -1 : 1) : fitsRight || !fitsLeft ? 1 : -1; // away from the middle
    text.style.setProperty("--colour", colours[part]);
    set(text, { x: x + side * 9 * this.unit, y: y + 4 * this.unit, "text-anchor": side < 0 ? "end" : "start", "font-size": 12 * this.unit });
  }

  markHandles(part) {
    if (part === null) return void this.handles.replaceChildren();
    if (!this.handles.childElementCount) {
      for (const axis of [0, 1]) {
        make(this.handles, "line", { class: "axis" });
        make(this.handles, "circle", { class: "handle-hit", "data-axis": axis });
        make(this.handles, "circle", { class: "handle", "data-axis": axis });
      }
    }
    const ellipse = this.view.ellipses[part];
    const u = this.unit;
    for (const axis of [0, 1]) {
      const [x, y] = axisEnd(ellipse, axis, 24 * u).map((value) => value + 0.5);
      const [line, hit, handle] = [...this.handles.children].slice(3 * axis, 3 * axis + 3);
      set(line, { x1: ellipse.mean[0] + 0.5, y1: ellipse.mean[1] + 0.5, x2: x, y2: y });
      set(hit, { cx: x, cy: y, r: 16 * u });
      set(handle, { cx: x, cy: y, r: 5.5 * u });
    }
  }

  /** The pixel coordinates of a pointer; whole numbers are the centres of pixels. */
  at(event) {
    const box = this.svg.getBoundingClientRect();
    const { width, height } = this.view;
    return [((event.clientX - box.left) / box.width) * width - 0.5, ((event.clientY - box.top) / box.height) * height - 0.5];
  }

  /** The part with its middle nearest to a pointer, else the smallest one around it, else null. */
  pick(event) {
    const point = this.at(event);
    const near = NEAR[event.pointerType] ?? NEAR.mouse;
    let [best, least] = [null, near * this.unit];
    this.view.ellipses.forEach(({ mean }, part) => {
      const distance = Math.hypot(point[0] - mean[0], point[1] - mean[1]);
      if (distance < least) [best, least] = [part, distance];
    });
    if (best !== null || this.view.quiet) return best;
    const around = this.view.ellipses.map((one, part) => [one.radii[0] * one.radii[1], part, one]).filter(([, , one]) => reach(one, point) <= 1);
    return around.length ? around.sort((a, b) => a[0] - b[0])[0][1] : null;
  }

  focus(part) {
    this.groups[part]?.group.focus({ preventScroll: true });
  }

  listen() {
    this.svg.addEventListener("pointerdown", (event) => this.down(event));
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) this.svg.addEventListener(kind, (event) => this.up(event));
    this.svg.addEventListener("pointerleave", () => this.drag || this.events.hover?.(null));
    for (const kind of ["keydown", "keyup"]) this.svg.addEventListener(kind, () => this.svg.classList.add("by-keys"));
    this.svg.addEventListener("keydown", (event) => {
      const group = event.target.closest(".part");
      if (group && this.view) this.events.key?.(Number(group.dataset.part), event);
    });
  }

  down(event) {
    if (!this.view || event.button !== 0) return;
    this.svg.classList.remove("by-keys");
    const axis = event.target.dataset.axis;
    const part = axis === undefined ? this.pick(event) : this.view.selected;
    this.events.pick?.(part);
    if (part === null) return;
    event.preventDefault();
    this.focus(part);
    if (!this.events.change) return;
    this.svg.setPointerCapture(event.pointerId);
    this.drag = { part, from: this.at(event), before: this.view.ellipses[part], axis: axis && Number(axis), id: event.pointerId, moved: false };
  }

  move(event) {
    if (!this.view) return;
    if (!this.drag) return void (event.pointerType === "touch" || this.events.hover?.(this.pick(event)));
    if (event.pointerId !== this.drag.id) return;
    const { part, from, before, axis } = this.drag;
    const to = this.at(event);
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    if (!this.drag.moved && Math.hypot(dx, dy) < 3 * this.unit) return;
    this.drag.moved = true;
    const side = this.view.square[2];
    const mean = [clamp(before.mean[0] + dx, -side, 2 * side), clamp(before.mean[1] + dy, -side, 2 * side)];
    this.events.change(part, axis === undefined ? { ...before, mean } : pulled(before, axis, from, to, [side / 200, side]));
  }

  up(event) {
    if (this.drag?.id !== event.pointerId) return;
    this.drag = null;
    if (event.pointerType === "touch") this.events.hover?.(null);
  }
}
