// Points of the latent space as arrays of numbers.

/** A number from N(0, 1), by Box and Muller. */
export function randn() {
  const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
  return radius * Math.cos(2 * Math.PI * Math.random());
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** The point a share t of the way from a to b: straight, or along the arc around 0. */
export function between(a, b, t, path) {
  const mix = (p, q) => a.map((value, i) => p * value + q * b[i]);
  const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const sine = Math.sin(angle);
  // No arc, or no single one: a point at 0, or two in a line with it.
  if (path === "straight" || !(sine > 1e-4)) return mix(1 - t, t);
  return mix(Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine);
}

export const sum = (a, b, sign = 1) => a.map((value, i) => value + sign * b[i]);

/** A number as text, with a minus and not a hyphen. */
export const shown = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
