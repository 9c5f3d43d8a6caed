// Follows the theme of Airflow's page: the class on its <html> when framed, its stored choice when alone.
// Runs before the first paint, so it is a plain script.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  const outer = () => {
    try {
      return window.parent === window ? null : window.parent.document.documentElement;
    } catch {
      return null;
    }
  };
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  const dark = () => {
    const frame = outer();
    if (frame?.classList.contains("dark")) return true;
    if (frame?.classList.contains("light")) return false;
    const choice = stored();
    return choice === "dark" || (choice !== "light" && system.matches);
  };
  const apply = () => {
    root.dataset.theme = dark() ? "dark" : "light";
    root.toggleAttribute("data-framed", outer() !== null);
  };

  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  const frame = outer();
  if (frame) new MutationObserver(apply).observe(frame, { attributes: true, attributeFilter: ["class"] });
})();
