// From what the page knows to what is seen.

import { clamp } from "./ellipse.js";
import { $, partName, shortName, state } from "./state.js";

export const stages = {}; // shape, look, rebuilt
export const lists = {}; // parts

/** Everything, as it is now. */
export function draw() {
  const { shape, look } = state;
  $("welcome").hidden = shape !== null;
  $("work").hidden = shape === null;
  if (shape === null) return;
  drawStage(stages.shape, shape, { paint: painter(layer() === "rebuilt"), paintGlow: glow(shape) });
  drawStage(stages.rebuilt, shape, { paint: painter(!$("compare").checked), quiet: true });
  $("look").hidden = look === null;
  $("look-empty").hidden = look !== null;
  if (look !== null) drawStage(stages.look, look, { paint: paintImage(look.shown, look.frame), worn: state.worn, selected: null });
  drawControls();
}

function drawStage(stage, picture, more) {
  const { frame, ellipses } = picture;
  const { colours } = state.model;
  const names = ellipses.map((_, part) => shortName(part));
  const solid = frame.parts.map(({ confidence }) => 0.15 + 0.85 * clamp(confidence / 0.5, 0, 1));
  const said = frame.parts.map(({ confidence }, part) => say(part, ellipses[part], confidence));
  const { width, height, square } = frame;
  const { selected, hovered } = state;
  stage.show({ width, height, square, ellipses, solid, colours, names, said, selected, hovered, shown: $("names-shown").checked, worn: null, quiet: false, ...more });
}

/** What is pointed at, else what was chosen: picture, maps or rebuilt. */
const layer = () => state.peek ?? state.layer;

const paintImage = (image, { width, height }) => (context) => image && context.drawImage(image, 0, 0, width, height);

/** Paints the picture, or what was rebuilt of its square. */
function painter(rebuilt) {
  const { shape } = state;
  const { square: [left, top, side] } = shape.frame;
  if (!rebuilt || state.rebuilt?.of !== shape.frame) return paintImage(shape.shown, shape.frame);
  return (context) => context.drawImage(state.rebuilt.image, left, top, side, side);
}

/** Lights up the part that is pointed at, or as the layer says. */
function glow(shape) {
  const pinned = layer() === "maps";
  const part = state.lit ?? (pinned ? state.selected : null);
  if ((part === null && !pinned) || stages.shape.drag?.moved || shape.light?.of !== shape.frame) return null;
  return (context) => shape.light.maps.paint(context, shape.frame, part);
}

/** A part in words. */
export function say(part, { mean }, confidence) {
  return `${partName(part)}, confidence ${Math.round(100 * confidence)} %, at ${Math.round(mean[0])}, ${Math.round(mean[1])}`;
}

function drawControls() {
  const { shape, look, selected, worn } = state;
  const moved = shape.moved[shape.row];
  $("reset-part").disabled = selected === null || !moved.has(selected);
  $("reset-all").disabled = moved.size === 0;
  for (const id of ["wear-all", "wear-none"]) $(id).disabled = look === null;
  $("worn-count").textContent = look === null ? "" : `${worn.size} of ${state.model.names.length} parts`;
  $("look-hint").textContent = look === null ? "its own" : "click parts to take their looks";
  const meant = state.hovered ?? selected;
  $("shape-hint").textContent = meant === null ? "drag a part" : `${partName(meant)} · ${Math.round(100 * shape.frame.parts[meant].confidence)} %`;
  $("look-words").textContent = state.pictures.length > 1 ? "Pick one above, and its parts dress this one." : "With a second picture, parts can swap their looks.";
  $("recipe").textContent = look === null || !worn.size ? `${shape.name}, its own looks` : `${shape.name}, ${worn.size === state.model.names.length ? "in the looks" : `${worn.size} parts in the looks`} of ${look.name}`;
  $("picture-name").textContent = shape.name;
  $("overlay").textContent = shape.kind === "video" ? "Overlay MP4" : "Overlay PNG";
  drawFrames("shape", shape);
  drawFrames("look", look);
  lists.parts.show({ confidence: shape.frame.parts.map((part) => part.confidence), selected, hovered: state.hovered, worn: look && worn, moved });
}

/** The slider of a video. */
export function drawFrames(which, picture) {
  const row = $(`${which}-frames`);
  row.hidden = !picture || picture.frames.length < 2;
  if (row.hidden) return;
  const [range, output] = row.querySelectorAll("input, output");
  range.max = picture.frames.length - 1;
  range.value = picture.row;
  const { index, time } = picture.frame;
  output.textContent = time === null ? index : `${index} · ${time.toFixed(2)} s`;
}

/** The pictures to choose from; a radio's value is the place in the list of pictures, or nothing for its own look. */
export function drawThumbs() {
  const { pictures, shape, look } = state;
  const others = pictures.filter((picture) => picture !== shape);
  const focused = document.activeElement?.name; // a radio that was just chosen
  $("shape-thumbs").replaceChildren(...pictures.map((picture) => thumb("shape", picture, picture === shape)));
  $("look-thumbs").replaceChildren(...[null, ...others].map((picture) => thumb("look", picture, picture === look)));
  if (/-picture$/.test(focused)) document.querySelector(`[name=${focused}]:checked`)?.focus();
}

function thumb(group, picture, checked) {
  const label = Object.assign(document.createElement("label"), { className: "thumb", title: picture?.name ?? "Its own look" });
  const value = picture ? state.pictures.indexOf(picture) : "";
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: `${group}-picture`, value, checked });
  radio.setAttribute("aria-label", picture?.name ?? "its own");
  const face = document.createElement(picture ? "img" : "span");
  if (picture) Object.assign(face, { src: picture.thumb, alt: "" });
  else face.textContent = "own";
  label.append(radio, face);
  return label;
}

/** Show what the generator made. */
export function showRebuilt(result, milliseconds) {
  if (result === null || result.of !== state.shape?.frame) return;
  state.rebuilt = result;
  $("speed").textContent = `${Math.round(milliseconds)} ms a step`;
  stages.rebuilt.view.paint = painter(!$("compare").checked);
  stages.rebuilt.paint();
  if (layer() === "rebuilt") {
    stages.shape.view.paint = painter(true);
    stages.shape.paint();
  }
  const { dataset } = $("rebuilt");
  Object.assign(dataset, { steps: Number(dataset.steps ?? 0) + 1, milliseconds });
}
