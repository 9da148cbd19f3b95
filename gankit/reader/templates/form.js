// The questions of a case as a form of radio buttons, and the answers in it.
class Form {
  constructor(form, questions, onChange) {
    this.form = form;
    this.questions = questions;
    this.fields = [...this.parts()];
    form.append(...this.fields.map((field) => field.box));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      this.follow();
      onChange();
    });
  }

  // Every choice: where its answer is kept, its values, its words, and when it is asked
  *parts() {
    const { origin, lesion, ratings, comment } = this.questions;
    if (origin) {
      yield this.choice("origin", origin.ask, ["real", "synthetic"], origin.words);
      if (origin.confidence.length > 1) {
        const levels = origin.confidence.map((_, i) => i + 1);
        yield this.choice("confidence", "How sure are you?", levels, origin.confidence);
      }
    }
    if (lesion) {
      yield this.choice("lesion", lesion.ask, [true, false], ["yes", "no"]);
      if (lesion.mark) yield this.hint();
    }
    for (const rating of ratings)
      yield this.choice(`rating ${rating.name}`, rating.ask, rating.levels.map((_, i) => i + 1), rating.levels);
    if (comment) yield this.text();
  }

  box(ask, tag = "fieldset") {
    const box = document.createElement(tag);
    const legend = document.createElement(tag === "fieldset" ? "legend" : "span");
    legend.textContent = ask;
    box.append(legend);
    return box;
  }

  choice(name, ask, values, words) {
    const box = this.box(ask), row = document.createElement("div");
    row.className = "choices";
    words.forEach((word, i) => {
      const label = document.createElement("label"), input = document.createElement("input");
      Object.assign(input, { type: "radio", name, value: i });
      const text = document.createElement("span");
      text.textContent = word;
      label.append(input, text);
      row.append(label);
    });
    box.append(row);
    return { name, box, values, inputs: [...row.querySelectorAll("input")] };
  }

  hint() {
    const box = this.box("Click the place of the lesion in any image.", "p");
    box.className = "hint";
    return { name: "mark", box, inputs: [] };
  }

  text() {
    const box = this.box("Comment, if you like", "label"), area = document.createElement("textarea");
    Object.assign(area, { name: "comment", rows: 2, maxLength: 2000 });
    box.className = "comment";
    box.append(area);
    return { name: "comment", box, area, inputs: [] };
  }

  // The answers of a case as an object, into the form and out of it
  fill(answer) {
    this.mark = answer.mark || null;
    for (const field of this.fields) {
      const value = this.kept(answer, field.name);
      field.inputs.forEach((input, i) => (input.checked = value !== undefined && field.values[i] === value));
      if (field.area) field.area.value = answer.comment || "";
    }
    this.follow();
  }

  kept(answer, name) {
    return name.startsWith("rating ") ? (answer.ratings || {})[name.slice(7)] : answer[name];
  }

  read() {
    const answer = { ratings: {} };
    for (const { name, values, inputs, area } of this.fields) {
      const chosen = inputs.findIndex((input) => input.checked);
      if (area && area.value.trim()) answer.comment = area.value;
      if (chosen < 0) continue;
      if (name.startsWith("rating ")) answer.ratings[name.slice(7)] = values[chosen];
      else answer[name] = values[chosen];
    }
    if (this.mark && answer.lesion) answer.mark = this.mark;
    return answer;
  }

  get marking() {
    return Boolean(this.questions.lesion && this.questions.lesion.mark && this.read().lesion);
  }

  // Names of the questions that an answer leaves open
  open(answer) {
    return this.fields
      .filter(({ name }) => (name === "mark" ? answer.lesion && !answer.mark : name !== "comment" && this.kept(answer, name) === undefined))
      .map((field) => field.name);
  }

  // Show which question the keys 1 to 9 answer: the first that is open
  follow() {
    const answer = this.read(), [first] = this.open(answer);
    for (const { name, box } of this.fields) {
      box.classList.toggle("next", name === first);
      if (name === "mark") {
        box.hidden = !answer.lesion;
        box.firstChild.textContent = answer.mark ? "The place is marked. Click again to move it."
          : "Click the place of the lesion in any image.";
      }
    }
  }

  // A key of the keyboard: choose of the first open question, or of the one that has the focus
  choose(number) {
    const focused = this.fields.find(({ box }) => box.contains(document.activeElement));
    const [first] = this.open(this.read());
    const field = this.fields.find(({ name }) => name === first) || focused;
    const input = field && field.inputs[number - 1];
    if (!input) return;
    input.checked = true;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
