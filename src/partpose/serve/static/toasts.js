// Short lines at the bottom: what went wrong, and what is under way.

export class Toasts {
  constructor(element) {
    this.element = element;
  }

  /** Say what went wrong, until it is closed, or for a while. */
  show(text) {
    if ([...this.element.children].some((toast) => toast.firstChild.textContent === text)) return;
    const toast = this.put(text, "trouble");
    const close = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => toast.remove());
    toast.append(close);
    setTimeout(() => toast.remove(), 12_000);
  }

  /** Say what is under way; remove() ends it. */
  busy(text) {
    return this.put(text, "busy");
  }

  put(text, kind) {
    const toast = Object.assign(document.createElement("p"), { className: kind, textContent: text });
    this.element.append(toast);
    return toast;
  }
}
