// The page: what it hears of, and how it begins.

import * as actions from "./actions.js";
import * as api from "./api.js";
import { PartsList } from "./parts.js";
import { Stage } from "./stage.js";
import { $, fail, megabytes, state } from "./state.js";
import { draw, lists, stages } from "./view.js";

function listen() {
  for (const button of document.querySelectorAll(".add")) button.addEventListener("click", () => $("files").click());
  $("files").addEventListener("change", async (event) => { await actions.add([...event.target.files]); event.target.value = ""; });
  for (const radio of document.querySelectorAll("[name=layer]")) listenForLayer(radio);
  $("shape-thumbs").addEventListener("change", (event) => actions.setShape(state.pictures[event.target.value]));
  $("look-thumbs").addEventListener("change", (event) => actions.setLook(state.pictures[event.target.value] ?? null));
  for (const id of ["names-shown", "compare"]) $(id).addEventListener("change", draw);
  $("reset-part").addEventListener("click", () => actions.reset(state.selected));
  $("reset-all").addEventListener("click", () => actions.reset(null));
  $("wear-all").addEventListener("click", () => actions.wearAll(true));
  $("wear-none").addEventListener("click", () => actions.wearAll(false));
  $("save-names").addEventListener("click", actions.saveNames);
  $("remove").addEventListener("click", actions.remove);
  $("save-rebuilt").addEventListener("click", actions.saveRebuilt);
  for (const button of document.querySelectorAll("[data-file]")) button.addEventListener("click", () => downloaded(button));
  $("shape-frames").querySelector("input").addEventListener("input", (event) => actions.setRow(state.shape, Number(event.target.value)));
  $("look-frames").querySelector("input").addEventListener("input", (event) => actions.setRow(state.look, Number(event.target.value)));
  $("parts").addEventListener("keydown", (event) => event.key === "Enter" && event.target.matches(".name") && actions.saveNames());
  $("keys-button").addEventListener("click", () => $("keys").showModal());
  listenForFiles();
}

function listenForLayer(radio) {
  radio.addEventListener("change", () => actions.setLayer(radio.value));
  radio.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && actions.setLayer(state.layer, radio.value));
  radio.addEventListener("pointerleave", () => actions.setLayer());
}

async function downloaded(button) {
  button.disabled = true;
  const drawn = $("names-shown").checked ? "ellipses,names" : "ellipses";
  await api.download(state.shape, button.dataset.file === "overlay" ? `overlay?draw=${drawn}` : button.dataset.file).catch(fail);
  button.disabled = false;
}

function listenForFiles() {
  const holds = (event) => event.dataTransfer?.types.includes("Files");
  const veil = (shown) => (event) => { if (holds(event)) { event.preventDefault(); $("veil").hidden = !shown; } };
  for (const kind of ["dragenter", "dragover"]) addEventListener(kind, veil(true));
  addEventListener("dragleave", (event) => event.relatedTarget === null && ($("veil").hidden = true));
  addEventListener("drop", (event) => { veil(false)(event); if (holds(event)) actions.add([...event.dataTransfer.files]); });
  addEventListener("paste", (event) => actions.add([...(event.clipboardData?.files ?? [])]));
}

function build(model) {
  const { hover, pick, change, key, wear, lookKey } = actions;
  stages.shape = new Stage($("shape"), "Parts on the picture", { hover, pick, change, key });
  stages.rebuilt = new Stage($("rebuilt"), "Parts on the rebuilt picture", { hover, pick, change, key });
  const toggle = (part) => part !== null && wear(part, !state.worn.has(part));
  stages.look = new Stage($("look"), "Parts whose looks can be taken", { hover, pick: toggle, key: lookKey });
  lists.parts = new PartsList($("parts"), model, { hover, wear, name: actions.rename, pick: select });
}

/** From the list: select a part and go to it on the picture. */
function select(part) {
  actions.pick(part);
  stages.shape.focus(part);
  $("shape-card").scrollIntoView({ block: "nearest" });
}

async function begin() {
  const model = await api.model();
  const { name, names, side, limits } = model;
  $("model-name").textContent = name;
  $("model-facts").textContent = `${names.length} parts · ${side} px`;
  document.title = `${name} · partpose`;
  $("taken").textContent = `Pictures up to ${Math.round(limits.pixels / 1e6)} megapixels, videos up to ${limits.frames} frames and ${megabytes(limits.upload)}. They stay with this server, and are removed after ${Math.round(limits.idle / 60)} minutes without use.`;
  build(model);
  actions.useModel(model);
  listen();
  document.documentElement.dataset.ready = "true";
}

begin().catch(fail);
