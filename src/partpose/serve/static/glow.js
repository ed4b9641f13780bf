// Part maps as light: each in its part's colour, relative to its own peak, over the dimmed picture.

const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

/** The maps of one row, from the server's picture of them: one above the other. */
export class Maps {
  constructor(image, colours) {
    this.side = image.width;
    this.colours = colours.map(channels);
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    this.values = context.getImageData(0, 0, image.width, image.height).data; // red is every fourth
    this.drawn = new Map();
  }

  /** A canvas of one part's map, or of all of them for null. */
  of(part) {
    if (!this.drawn.has(part)) this.drawn.set(part, this.draw(part === null ? this.colours.map((_, k) => k) : [part]));
    return this.drawn.get(part);
  }

  draw(parts) {
    const { side, values, colours } = this;
    const size = side * side;
    const pixels = new ImageData(side, side);
    for (let i = 0; i < size; i++) {
      let [red, green, blue, total, most] = [0, 0, 0, 1e-6, 0];
      for (const part of parts) {
        const value = values[4 * (part * size + i)] / 255;
        const weight = value * value;
        red += weight * colours[part][0];
        green += weight * colours[part][1];
        blue += weight * colours[part][2];
        total += weight;
        most = Math.max(most, value);
      }
      pixels.data.set([red / total, green / total, blue / total, 235 * most ** 0.8], 4 * i);
    }
    const canvas = new OffscreenCanvas(side, side);
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  }

  /** Dim the picture and light up one part, or all. */
  paint(context, { width, height, square: [left, top, side] }, part) {
    context.fillStyle = "rgb(9 11 13 / 68%)";
    context.fillRect(0, 0, width, height);
    context.drawImage(this.of(part), left, top, side, side);
  }
}
