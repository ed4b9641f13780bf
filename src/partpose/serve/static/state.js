// What the page knows, and where its elements are.

import { Toasts } from "./toasts.js";

export const $ = (id) => document.getElementById(id);

export const state = {
  model: null, pictures: [], shape: null, look: null, worn: new Set(), // parts that wear the look
  names: {}, // as they are in the fields, by part
  selected: null, hovered: null, lit: null, // parts; lit is the one whose map lights up
  layer: "picture", peek: null, rebuilt: null, // peek is a layer that is only pointed at
};

const toasts = new Toasts($("toasts"));
/** Say what went wrong, but for what was asked about a picture that is removed by now. */
export function fail(error) {
  if (!error.removed) toasts.show(error.message ?? String(error));
}
export const busy = (text) => toasts.busy(text);

/** The names as they stand, whether they are saved or not; short for parts without one. */
export const partName = (part) => state.names[part] || state.model.names[part];
export const shortName = (part) => partName(part).replace(/^part_0*(?=\d)/, "");
export const megabytes = (bytes) => `${Math.round(bytes / 2 ** 20)} MB`;
