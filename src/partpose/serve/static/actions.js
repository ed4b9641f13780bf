// What the user does, and what the server is asked for it.

import * as api from "./api.js";
import { clamp } from "./ellipse.js";
import { Follower } from "./follower.js";
import { Picture } from "./picture.js";
import { $, busy, fail, megabytes, state } from "./state.js";
import { draw, drawFrames, drawThumbs, lists, say, showRebuilt, stages } from "./view.js";

const DWELL = 220; // milliseconds that a part must be pointed at before its map lights up
const follower = new Follower(askRebuilt, showRebuilt, fail);

/** Something was changed: rebuild. Resolves when that is shown. */
function follow() {
  const stage = $("rebuilt");
  stage.setAttribute("aria-busy", "true");
  return follower.follow().finally(() => stage.setAttribute("aria-busy", "false"));
}

async function askRebuilt() {
  const { shape, look, worn } = state;
  if (shape === null) return null;
  const dress = look && worn.size ? { picture: look, row: look.row, parts: [...worn] } : null;
  return { of: shape.frame, ...(await api.rebuilt(shape, shape.row, shape.changes, dress)) };
}

let dwell = null;

export function hover(part) {
  if (part === state.hovered) return;
  state.hovered = part;
  clearTimeout(dwell);
  if (part === null) state.lit = null;
  else dwell = setTimeout(() => light(part), state.lit === null ? DWELL : 60);
  draw();
}

async function light(part) {
  await getLight();
  if (part !== state.hovered) return;
  state.lit = part;
  draw();
}

async function getLight() {
  const { shape } = state;
  const frame = shape.frame;
  if (shape.light?.of === frame) return;
  const maps = await shape.partMaps(state.model.colours).catch(fail);
  if (maps) shape.light = { of: frame, maps };
}

export function pick(part) {
  state.selected = part;
  draw();
}

export function change(part, ellipse) {
  state.shape.move(part, ellipse);
  state.selected = part;
  draw();
  follow();
}

export function reset(part) {
  state.shape.reset(part);
  draw();
  follow();
}

const KEYS = {
  ArrowLeft: (e, step) => ({ ...e, mean: [e.mean[0] - step, e.mean[1]] }),
  ArrowRight: (e, step) => ({ ...e, mean: [e.mean[0] + step, e.mean[1]] }),
  ArrowUp: (e, step) => ({ ...e, mean: [e.mean[0], e.mean[1] - step] }),
  ArrowDown: (e, step) => ({ ...e, mean: [e.mean[0], e.mean[1] + step] }),
  "+": (e) => ({ ...e, radii: e.radii.map((radius) => radius * 1.1) }),
  "=": (e) => ({ ...e, radii: e.radii.map((radius) => radius * 1.1) }),
  "-": (e) => ({ ...e, radii: e.radii.map((radius) => radius / 1.1) }),
  r: (e) => ({ ...e, angle: e.angle + Math.PI / 24 }),
  R: (e) => ({ ...e, angle: e.angle - Math.PI / 24 }),
  w: (e) => ({ ...e, radii: [e.radii[0], e.radii[1] * 1.1] }),
  W: (e) => ({ ...e, radii: [e.radii[0], e.radii[1] / 1.1] }),
};

export function key(part, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { shape } = state;
  const side = shape.frame.square[2];
  const count = shape.ellipses.length;
  const step = { n: 1, PageDown: 1, p: count - 1, PageUp: count - 1 }[event.key];
  if (event.key in KEYS) {
    const moved = KEYS[event.key](shape.ellipses[part], (event.shiftKey ? 0.05 : 0.01) * side);
    moved.radii = moved.radii.map((radius) => clamp(radius, side / 200, side));
    moved.mean = moved.mean.map((value) => clamp(value, -side, 2 * side));
    change(part, moved);
    $("said").textContent = say(part, moved, shape.frame.parts[part].confidence);
  } else if (step) {
    pick((part + step) % count);
    (event.target.closest("#shape") ? stages.shape : stages.rebuilt).focus(state.selected);
  } else if (event.key === " " || event.key === "Enter") {
    pick(part);
    if (state.look) wear(part, !state.worn.has(part));
  } else if (event.key === "Backspace" || event.key === "Delete") reset(part);
  else if (event.key === "Escape") pick(null);
  else return;
  event.preventDefault();
}

export function lookKey(part, event) {
  if (event.key !== " " && event.key !== "Enter") return;
  event.preventDefault();
  wear(part, !state.worn.has(part));
}

export function wear(part, whether) {
  whether ? state.worn.add(part) : state.worn.delete(part);
  draw();
  follow();
}

export function wearAll(whether) {
  state.worn = new Set(whether ? state.model.names.keys() : []);
  draw();
  follow();
}

export async function setShape(picture) {
  state.shape = picture;
  if (state.look === picture) state.look = null;
  state.lit = state.hovered = null;
  if (picture) picture.shown = (await picture.image().catch(fail))?.image ?? picture.shown;
  drawThumbs();
  await refreshed();
}

export async function setLook(picture) {
  state.look = picture;
  if (picture) picture.shown = (await picture.image().catch(fail))?.image ?? picture.shown;
  drawThumbs();
  wearAll(picture !== null);
}

export async function setRow(picture, row) {
  picture.row = row;
  drawFrames(picture === state.look ? "look" : "shape", picture);
  const shown = await picture.image().catch(fail);
  if (picture.row !== row || !shown) return;
  picture.shown = shown.image;
  await refreshed();
}

/** Everything for the shape as it is now. */
export async function refreshed() {
  await setLayer();
  await follow();
}

/** Show another layer; peek is one that is only pointed at. */
export async function setLayer(layer = state.layer, peek = null) {
  Object.assign(state, { layer, peek });
  if (state.shape && (peek ?? layer) === "maps") await getLight();
  draw();
}

export async function add(files) {
  for (const file of files) {
    const under = busy(`Looking at ${file.name || "the picture"} …`);
    try {
      await addOne(file);
    } catch (error) {
      fail(error);
    } finally {
      under.remove();
    }
  }
}

async function addOne(file) {
  const { upload } = state.model.limits;
  if (file.size > upload) throw new Error(`${file.name} has ${megabytes(file.size)}, more than the ${megabytes(upload)} taken here.`);
  const picture = new Picture(file, await api.upload(file));
  picture.thumb = (await picture.image(0)).url;
  state.pictures.push(picture);
  if (state.shape === null) return setShape(picture);
  if (state.look === null) return setLook(picture);
  drawThumbs();
}

export async function remove() {
  const { shape, look } = state;
  shape.removed = true;
  state.pictures = state.pictures.filter((picture) => picture !== shape);
  if (!state.pictures.includes(look) || state.pictures.length < 2) state.look = null;
  const next = setShape(state.pictures.find((picture) => picture !== state.look) ?? null);
  await api.remove(shape).catch(() => {}); // whether it was there or not, it is gone
  await shape.close();
  await next;
}

/** Save what the generator makes of the picture that is shown, once it is there. */
export async function saveRebuilt() {
  const { shape } = state;
  if (state.rebuilt?.of !== shape.frame) await follow();
  if (state.rebuilt?.of === shape.frame) api.save(state.rebuilt.blob, `${shape.name.replace(/\.\w+$/, "")}_rebuilt.png`);
}

export async function saveNames() {
  try {
    useModel(await api.saveNames(state.names));
    $("names-state").textContent = "Saved in the run";
  } catch (error) {
    $("names-state").textContent = "";
    fail(error);
  }
}

export function rename(part, text) {
  state.names[part] = text.trim();
  $("names-state").textContent = "";
  $("save-names").disabled = false;
  draw();
}

export function useModel(model) {
  state.model = model;
  state.names = { ...model.given };
  lists.parts.fill(model.given, model.names);
  $("save-names").disabled = true;
  if (state.shape) draw();
}
