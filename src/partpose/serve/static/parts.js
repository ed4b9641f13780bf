// The list of parts: name, confidence, and whether a part wears the other look.

const element = (name, properties = {}, children = []) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const brightness = (colour) => {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue;
};

/** events: hover(part or null), pick(part), wear(part, whether), name(part, text). */
export class PartsList {
  constructor(list, { colours, names }, events) {
    this.rows = colours.map((colour, part) => this.row(part, colour, names[part], events));
    list.replaceChildren(...this.rows.map((row) => row.item));
  }

  row(part, colour, plain, events) {
    const swatch = element("button", { type: "button", className: "swatch", textContent: part });
    swatch.style.setProperty("--colour", colour);
    swatch.style.color = brightness(colour) > 140 ? "#101214" : "#fff";
    const name = element("input", { className: "name", maxLength: 40, spellcheck: false, autocomplete: "off", placeholder: plain });
    name.setAttribute("aria-label", `Name of part ${part}`);
    const bar = element("span", { className: "bar-fill" });
    bar.style.setProperty("--colour", colour);
    const text = element("span", { className: "percent" });
    const track = element("span", { className: "bar-track" }, [bar]);
    const worn = element("input", { type: "checkbox" });
    worn.setAttribute("aria-label", `Part ${part} wears the look of the second picture`);
    const look = element("label", { className: "wear", title: "Wears the look of the second picture" }, [worn, element("span", { textContent: "look" })]);
    const sure = element("span", { className: "sure", title: "Confidence" }, [track, text]);
    const item = element("li", {}, [swatch, name, sure, look]);
    item.addEventListener("pointerenter", () => events.hover(part));
    item.addEventListener("pointerleave", () => events.hover(null));
    swatch.addEventListener("click", () => events.pick(part));
    worn.addEventListener("change", () => events.wear(part, worn.checked));
    name.addEventListener("input", () => events.name(part, name.value));
    return { item, swatch, name, bar, text, worn, look };
  }

  /** Write the saved names into the fields. */
  fill(given, names) {
    this.rows.forEach((row, part) => {
      row.name.value = given[part] ?? "";
      row.swatch.setAttribute("aria-label", `Select ${names[part]}`);
    });
  }

  /** state: { confidence: list, selected, hovered, worn: set or null, moved: map } */
  show({ confidence, selected, hovered, worn, moved }) {
    this.rows.forEach((row, part) => {
      row.item.classList.toggle("selected", part === selected);
      row.item.classList.toggle("hovered", part === hovered);
      row.item.classList.toggle("moved", moved.has(part));
      row.bar.style.width = `${100 * confidence[part]}%`;
      row.text.textContent = `${Math.round(100 * confidence[part])} %`;
      row.worn.disabled = worn === null;
      row.worn.checked = Boolean(worn?.has(part));
    });
  }
}
