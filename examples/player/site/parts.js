/** The parts of the page that know nothing of the service. */

export const find = (selector, within = document) => within.querySelector(selector);

export function setState(within, { completionPercentage, certificateEarned }) {
  find("progress", within).value = completionPercentage;
  find("progress", within).setAttribute("aria-label", "Completed");
  find(".state", within).textContent = certificateEarned
    ? "Completed, with certificate"
    : completionPercentage ? `${completionPercentage}% completed` : "Not started";
}

export function question({ text, choices }, n) {
  const fieldset = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = text;
  const labels = choices.map((choice, value) => {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: `q${n}`, value, required: true });
    label.append(input, choice);
    return label;
  });
  fieldset.append(legend, ...labels);
  return fieldset;
}

export function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
