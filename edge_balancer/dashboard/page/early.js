/* Before the first drawing. A plain script, on purpose: it must run before everything, and also where a module is missing. */
(() => {
  const AGAIN_MS = 3000;

  // The chosen theme, so that a dark page never flashes white.
  try {
    for (const name of ["theme", "phases"]) {
      const value = localStorage.getItem(`edge-balancer.${name}`);
      if (value) {
        document.documentElement.dataset[name] = value;
      }
    }
  } catch {
    // Storage is switched off: the defaults hold.
  }

  // A phone that changes its network while the page loads loses modules, and the page would stay empty. (Errors of elements
  // do not bubble, but can be caught on their way down.)
  addEventListener(
    "error",
    (event) => {
      if (event.target instanceof HTMLScriptElement && event.target.type === "module") {
        setTimeout(() => location.reload(), AGAIN_MS);
      }
    },
    true,
  );
})();
