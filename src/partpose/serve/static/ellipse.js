// A part on the page: { mean: [x, y], radii: [r1, r2], angle } in pixels of the original and radians; as the model has it,
// a mean and a covariance. Ellipses are of 1.5 standard deviations, as everywhere in partpose.

const SIGMAS = 1.5;

/** The ellipse of a mean and a covariance. */
export function ellipseOf({ mean, covariance: [[xx, xy], [, yy]] }) {
  const middle = (xx + yy) / 2;
  const spread = Math.hypot((xx - yy) / 2, xy);
  const radii = [middle + spread, middle - spread].map((variance) => SIGMAS * Math.sqrt(Math.max(variance, 1e-6)));
  return { mean: [...mean], radii, angle: Math.atan2(2 * xy, xx - yy) / 2 };
}

/** The covariance of an ellipse. */
export function covarianceOf({ radii, angle }) {
  const [long, short] = radii.map((radius) => (radius / SIGMAS) ** 2);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const xy = (long - short) * c * s;
  return [[long * c * c + short * s * s, xy], [xy, long * s * s + short * c * c]];
}

/** How far a point is from the middle of an ellipse, 1 on its edge. */
export function reach({ mean, radii, angle }, [x, y]) {
  const [dx, dy] = [x - mean[0], y - mean[1]];
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return Math.hypot((c * dx + s * dy) / radii[0], (c * dy - s * dx) / radii[1]);
}

/** The end of one of the axes, at least so far from the middle; axis 0 or 1. */
export function axisEnd({ mean, radii, angle }, axis, least) {
  const turn = angle + (axis * Math.PI) / 2;
  const length = Math.max(radii[axis], least);
  return [mean[0] + length * Math.cos(turn), mean[1] + length * Math.sin(turn)];
}

/** The ellipse with one axis pulled from one point to another: as much longer, and turned as far. */
export function pulled(ellipse, axis, from, to, [least, most]) {
  const [before, after] = [from, to].map(([x, y]) => [x - ellipse.mean[0], y - ellipse.mean[1]]);
  const radii = [...ellipse.radii];
  radii[axis] = clamp((radii[axis] * Math.hypot(...after)) / Math.max(Math.hypot(...before), 1e-6), least, most);
  const turn = Math.atan2(after[1], after[0]) - Math.atan2(before[1], before[0]);
  return { mean: ellipse.mean, radii, angle: ellipse.angle + turn };
}

export const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
