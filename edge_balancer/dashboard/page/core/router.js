/** Which view the address names: `#/houses/h12` is the view `houses` with the argument `h12`. */

export const HOME = "now";

export function route() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("?")[0].split("/");
  let argument = null;
  try {
    argument = rest.length ? decodeURIComponent(rest.join("/")) : null;
  } catch {
    // A broken escape in the address names nothing.
  }
  return { name: name || HOME, argument };
}

export const link = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

export const go = (...parts) => {
  location.hash = link(...parts);
};
