/** What the reader of the page has chosen: light or dark, phase colours. Kept in this browser alone. */

const CHOICES = { theme: ["system", "light", "dark"], phases: ["safe", "iec", "ryb"] };
const listeners = new Set();

function stored(name) {
  try {
    return localStorage.getItem(`edge-balancer.${name}`);
  } catch {
    return null; // storage is switched off: the choice lasts as long as the page
  }
}

export const choices = CHOICES;

export function preference(name) {
  return document.documentElement.dataset[name] ?? CHOICES[name][0];
}

export function choose(name, value) {
  apply(name, value);
  try {
    localStorage.setItem(`edge-balancer.${name}`, value);
  } catch {
    // as above
  }
  for (const listener of listeners) {
    listener();
  }
}

function apply(name, value) {
  document.documentElement.dataset[name] = CHOICES[name].includes(value) ? value : CHOICES[name][0];
}

/** `listener()` after each change, the system's own change between light and dark included. Returns what ends it. */
export function onPreference(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function startPreferences() {
  for (const name of Object.keys(CHOICES)) {
    apply(name, stored(name));
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const listener of listeners) {
      listener();
    }
  });
}

export const stillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
