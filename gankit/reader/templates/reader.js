// The study: where the reader is, what is answered, and how answers are kept and saved.
const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const place = `gankit-reader/${data.study}/${data.reader}`;
let state = { at: 0, answers: data.order.map(() => ({ seconds: 0 })) };
let since = null;

const images = new Images(element("views"), data.modalities, data.levels, (mark) => {
  form.mark = mark;
  keep();
});
const form = new Form(element("answers"), data.questions, keep);

// Kept in the browser ------------------------------------------------------------------------------------

function stored() {
  try {
    const found = JSON.parse(localStorage.getItem(place));
    return found && found.answers.length === data.order.length ? found : null;
  } catch {
    return null;
  }
}

function store() {
  try {
    localStorage.setItem(place, JSON.stringify(state));
  } catch {
    warn("This browser keeps nothing: save your answers before you close the page.");
  }
}

function warn(text) {
  element("warning").textContent = text;
  element("warning").hidden = !text;
}

function spent() {
  const seconds = since === null ? 0 : (performance.now() - since) / 1000;
  since = document.hidden || element("case").hidden ? null : performance.now();
  return seconds;
}

function keep() {
  const { seconds } = state.answers[state.at];
  state.answers[state.at] = { ...form.read(), seconds: Math.round(1000 * (seconds + spent())) / 1000 };
  images.marking = form.marking;
  images.mark = state.answers[state.at].mark || null;
  images.draw();
  form.follow();
  store();
  told();
}

// Sections -----------------------------------------------------------------------------------------------

function only(id) {
  for (const each of ["start", "case", "end"]) element(each).hidden = each !== id;
  window.scrollTo(0, 0);
}

const isDone = (answer) => form.open(answer).length === 0;
const doneCount = () => state.answers.filter(isDone).length;

function told() {
  element("place").textContent = element("case").hidden ? "" : `Case ${state.at + 1} of ${data.order.length}, ${doneCount()} answered`;
}

function showCase(at) {
  state.at = Math.min(data.order.length - 1, Math.max(0, at));
  only("case");
  form.mark = null;
  form.fill(state.answers[state.at]);
  images.show(data.images[data.order[state.at]]);
  since = null;
  keep();
  element("back").disabled = state.at === 0;
}

function showEnd() {
  keep();
  only("end");
  spent();
  const left = data.order.length - doneCount();
  element("done").textContent = left
    ? `${left} of ${data.order.length} cases are still to be answered. You may save what there is, and go on later.`
    : `All ${data.order.length} cases are answered. Save the file and send it to the person who gave you this page.`;
  element("overview").replaceChildren(...state.answers.map((answer, at) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: at + 1, className: isDone(answer) ? "done" : "" });
    button.setAttribute("aria-label", `Case ${at + 1}, ${isDone(answer) ? "answered" : "open"}`);
    button.addEventListener("click", () => showCase(at));
    return button;
  }));
  told();
}

function next() {
  keep();
  if (state.at + 1 < data.order.length) showCase(state.at + 1);
  else showEnd();
}

// Files --------------------------------------------------------------------------------------------------

function answersText() {
  const { format, study, reader } = data;
  return withDigest({ format, study, reader, answers: state.answers });
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([answersText()], { type: "application/json" }));
  link.download = `reader-${data.reader}${doneCount() < data.order.length ? "-incomplete" : ""}.json`;
  document.body.append(link);
  link.click();
  link.remove();
  element("saved").textContent = `Saved as ${link.download}, where your browser saves files.`;
}

async function restore(file) {
  try {
    const { study, reader, answers } = JSON.parse(await file.text());
    if (study !== data.study || reader !== data.reader || answers.length !== data.order.length)
      return warn("This file has the answers of another page.");
    state = { at: Math.max(0, answers.findIndex((answer) => !isDone(answer))), answers };
    warn("");
    showCase(state.at);
  } catch {
    warn("This is no file of answers.");
  }
}

// Keys and buttons ---------------------------------------------------------------------------------------

const KEYS = {
  Enter: next, n: next, p: () => showCase(state.at - 1), 0: () => images.whole(), w: () => images.firstWindows(),
  "+": () => images.zoom(1.2), "=": () => images.zoom(1.2), "-": () => images.zoom(1 / 1.2),
};

document.addEventListener("keydown", (event) => {
  if (element("case").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  const { tagName } = event.target;
  if (tagName === "TEXTAREA" || (tagName === "BUTTON" && event.key === "Enter")) return;
  if (/^[1-9]$/.test(event.key)) form.choose(+event.key);
  else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (!element("case").hidden) keep();
});
window.addEventListener("beforeunload", () => {
  if (!element("case").hidden) keep();
});

for (const [id, act] of Object.entries({
  begin: () => showCase(state.at), back: () => showCase(state.at - 1), next, pause: showEnd, save,
  return: () => showCase(state.at), windows: () => images.firstWindows(),
})) element(id).addEventListener("click", act);
for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => {
  ({ in: () => images.zoom(1.5), out: () => images.zoom(1 / 1.5), whole: () => images.whole() })[button.dataset.zoom]();
});
element("smooth").addEventListener("change", (event) => {
  images.smooth = event.target.checked;
  images.draw();
});
element("restore").addEventListener("change", (event) => event.target.files.length && restore(event.target.files[0]));
element("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const root = document.documentElement;
  root.dataset.theme = (root.dataset.theme || (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
});

// The beginning ------------------------------------------------------------------------------------------

element("instructions").append(...data.questions.instructions.map((text) => {
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  return paragraph;
}));
images.firstWindows();
const found = stored();
if (found) {
  state = found;
  element("begin").textContent = `Go on with case ${state.at + 1}`;
}
only("start");
