// Light or dark, before anything is drawn: as chosen here last time, else as the system has it.
const chosen = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
const system = matchMedia("(prefers-color-scheme: dark)");
const apply = () => { document.documentElement.dataset.theme = chosen() ?? (system.matches ? "dark" : "light"); };
apply();
system.addEventListener("change", apply);
document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const say = () => {
    const other = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    button.setAttribute("aria-label", `Switch to ${other} colours`);
    button.title = `Switch to ${other} colours`;
    return other;
  };
  say();
  system.addEventListener("change", say);
  button.addEventListener("click", () => {
    const other = say();
    try { localStorage.setItem("theme", other); } catch { /* a browser that keeps nothing: until the page is left */ }
    document.documentElement.dataset.theme = other;
    say();
  });
});
