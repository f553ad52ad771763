// What the server answers, and pixels on a canvas.

/** The answer to a GET, or to a POST if there is a body; an Error with the server's message. */
async function ask(path, body) {
  const how = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, how);
  } catch {
    throw new Error("the server does not answer: has it been stopped?");
  }
  if (!response.ok) throw new Error((await response.json()).error);
  return response;
}

export const get = async (path) => (await ask(path)).json();

/** q(z|x) of bytes (height, width, channels): mu, std, kl and log_p. */
export const encode = async (bytes) =>
  (await ask("/api/encode", { pixels: Array.from(bytes) })).json();

export const testImage = async (index) =>
  new Uint8Array(await (await ask("/api/image", { index })).arrayBuffer());

/** The images of points, as arrays of bytes (height, width, channels). */
export async function decode(zs, label) {
  const rounded = zs.map((z) => z.map((v) => Math.round(v * 1e4) / 1e4));
  const body = label === null ? { z: rounded } : { z: rounded, label };
  const bytes = new Uint8Array(await (await ask("/api/decode", body)).arrayBuffer());
  const size = bytes.length / zs.length;
  return zs.map((_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** What is made of bytes (height, width, channels), of which rows are given: `count` images. */
export async function make(pixels, rows, count) {
  const body = { pixels: Array.from(pixels), rows };
  const bytes = new Uint8Array(await (await ask("/api/make", body)).arrayBuffer());
  const size = bytes.length / count;
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** `work`, one call at a time: of the calls that come meanwhile, the last is made afterwards. */
export function latest(work) {
  let busy = false;
  let next = null;
  return async (...args) => {
    next = args;
    if (busy) return;
    busy = true;
    try {
      while (next) {
        const now = next;
        next = null;
        await work(...now);
      }
    } finally {
      busy = false;
    }
  };
}

/** Bytes as what a canvas draws. */
export function imageData(bytes, { width, height, channels }) {
  const data = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) data.data[4 * i + c] = bytes[channels * i + (c % channels)];
    data.data[4 * i + 3] = 255;
  }
  return data;
}

/** Draws bytes so that a pixel of the image is a pixel of the canvas. */
export function paint(canvas, bytes, model) {
  if (canvas.width !== model.width || canvas.height !== model.height) {
    canvas.width = model.width;
    canvas.height = model.height;
  }
  canvas.getContext("2d").putImageData(imageData(bytes, model), 0, 0);
}

/** An element with properties and children. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
