// One picture or video that was put on the page, and what the user did to it.

import * as api from "./api.js";
import { covarianceOf, ellipseOf } from "./ellipse.js";
import { Maps } from "./glow.js";

export class Picture {
  /** answer: what the server found in the file. */
  constructor(file, answer) {
    Object.assign(this, { file, id: answer.id, name: answer.name, kind: answer.kind, frames: answer.frames });
    this.row = 0;
    this.removed = false; // by the user: the server is not to be given it again
    this.found = this.frames.map((frame) => frame.parts.map(ellipseOf));
    this.moved = this.frames.map(() => new Map()); // part → ellipse, by row
    this.images = new Map(); // row → promise of { image, url }
    this.maps = new Map(); // row → promise of Maps
  }

  get frame() { return this.frames[this.row]; }

  /** The parts where they are now. */
  get ellipses() { return this.found[this.row].map((ellipse, part) => this.moved[this.row].get(part) ?? ellipse); }

  move(part, ellipse) { this.moved[this.row].set(part, ellipse); }
  reset(part) { part === null ? this.moved[this.row].clear() : this.moved[this.row].delete(part); }

  /** What the server is to move. */
  get changes() {
    const entries = [...this.moved[this.row]];
    return Object.fromEntries(entries.map(([part, ellipse]) => [part, { mean: ellipse.mean, covariance: covarianceOf(ellipse) }]));
  }

  image(row = this.row) {
    return kept(this.images, row, async () => {
      const blob = await api.preview(this, row);
      const url = row === 0 ? URL.createObjectURL(blob) : null; // of the thumbnail
      return { image: await createImageBitmap(blob), url };
    });
  }

  partMaps(colours) {
    return kept(this.maps, this.row, async () => new Maps(await api.maps(this, this.row), colours));
  }

  /** Let go of what the browser holds of it. */
  async close() {
    for (const promise of this.images.values()) URL.revokeObjectURL((await promise.catch(() => null))?.url ?? "");
    this.images.clear();
    this.maps.clear();
  }
}

/** What is in a map, made once; what could not be made is forgotten, and the last 24 are kept. */
function kept(map, key, make) {
  if (!map.has(key)) {
    const promise = make();
    promise.catch(() => map.delete(key));
    map.set(key, promise);
    for (const old of [...map.keys()].slice(1, Math.max(map.size - 24, 1))) map.delete(old);
  }
  return map.get(key);
}
