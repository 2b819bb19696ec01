/* Before the first drawing: the chosen theme, so that a dark page never flashes white. Loaded as a plain script, on purpose. */
(() => {
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
})();
