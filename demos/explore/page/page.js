// What all pages have: their elements, a line for what went wrong, and the ink of a drawing.

export const page = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((found) => [found.id, found]));

export function say(problem) {
  page.problem.textContent = problem;
  page.problem.hidden = !problem;
}
window.addEventListener("unhandledrejection", (event) => {
  say(event.reason.message);
  event.preventDefault();
});

/** Red, green and blue, as bytes. */
export function ink() {
  const hex = page.erase.checked ? "#000000" : page.colour.value;
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}
