// The images of a case: one canvas for each modality, with the same zoom, place and cross, and a window of its own.
// Places in an image are shares of its width and height, from 0 to 1.
class Images {
  constructor(parent, modalities, levels, onMark) {
    this.modalities = modalities;
    this.levels = levels;
    this.onMark = onMark;
    this.smooth = true;
    this.mark = null;
    this.marking = false;
    this.views = modalities.map((modality) => this.view(parent, modality));
    this.pointers = new Map();
    this.whole();
    new ResizeObserver(() => this.draw()).observe(parent);
  }

  // One modality: its canvas, its sliders and the values under the pointer
  view(parent, modality) {
    const figure = document.createElement("figure");
    figure.innerHTML = `<figcaption><b></b> <output></output></figcaption><canvas tabindex="0"></canvas>
      <div class="window"><label>Level <output></output><input type="range"></label>
      <label>Width <output></output><input type="range"></label></div>`;
    parent.append(figure);
    const [low, high] = modality.range;
    const [value, ...said] = figure.querySelectorAll("output");
    const [level, width] = figure.querySelectorAll("input");
    const view = { modality, canvas: figure.querySelector("canvas"), value, said, level, width };
    figure.querySelector("b").textContent = modality.name;
    view.canvas.setAttribute("aria-label", `${modality.name}, use the arrow keys for a cross and space for the mark`);
    Object.assign(level, { min: low, max: high, step: (high - low) / 500 });
    Object.assign(width, { min: (high - low) / 100, max: high - low, step: (high - low) / 500 });
    level.addEventListener("input", () => this.draw());
    width.addEventListener("input", () => this.draw());
    this.listen(view);
    return view;
  }

  // A new case: pixels as base64 of little-endian uint16, one modality after the other
  show(pixels) {
    const bytes = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
    const codes = new DataView(bytes.buffer);
    let at = 0;
    for (const view of this.views) {
      const [rows, columns] = view.modality.size;
      view.codes = Uint16Array.from({ length: rows * columns }, (_, i) => codes.getUint16(at + 2 * i, true));
      at += 2 * rows * columns;
    }
    this.cross = null;
    this.whole();
  }

  whole() {
    this.scale = 1;
    this.left = this.top = 0;
    this.draw();
  }

  firstWindows() {
    for (const { modality, level, width } of this.views) {
      width.value = modality.window[1] - modality.window[0];
      level.value = (modality.window[0] + modality.window[1]) / 2;
    }
    this.draw();
  }

  // Zoom by a factor about a place of the canvas, (x, y) in shares of the canvas
  zoom(factor, x = 0.5, y = 0.5) {
    const scale = Math.min(16, Math.max(1, this.scale * factor));
    this.left += x / this.scale - x / scale;
    this.top += y / this.scale - y / scale;
    this.scale = scale;
    this.move(0, 0);
  }

  move(x, y) {
    const most = 1 - 1 / this.scale;
    this.left = Math.min(most, Math.max(0, this.left - x / this.scale));
    this.top = Math.min(most, Math.max(0, this.top - y / this.scale));
    this.draw();
  }

  inUnits(view, code) {
    const [low, high] = view.modality.range;
    return low + (code * (high - low)) / (this.levels - 1);
  }

  draw() {
    for (const view of this.views) {
      const { modality, level, width, said } = view;
      said[0].textContent = `${digits(+level.value, modality)} ${modality.unit}`;
      said[1].textContent = `${digits(+width.value, modality)} ${modality.unit}`;
      view.canvas.style.touchAction = this.scale > 1 ? "none" : "pan-y";
      if (view.codes) this.drawOne(view);
    }
  }

  drawOne(view) {
    const { canvas, modality, codes } = view;
    const [rows, columns] = modality.size;
    canvas.style.aspectRatio = `${columns} / ${rows}`;
    const density = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * density));
    canvas.height = Math.round((canvas.width * rows) / columns);

    // Grey values by the window
    const picture = new ImageData(columns, rows);
    const black = +view.level.value - view.width.value / 2;
    const grey = Uint8ClampedArray.from({ length: this.levels }, (_, code) =>
      (255 * (this.inUnits(view, code) - black)) / view.width.value);
    for (let i = 0; i < codes.length; i++) picture.data.set([grey[codes[i]], grey[codes[i]], grey[codes[i]], 255], 4 * i);
    const whole = new OffscreenCanvas(columns, rows);
    whole.getContext("2d").putImageData(picture, 0, 0);

    // The part that is seen, the mark and the cross
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = this.smooth;
    context.imageSmoothingQuality = "high";
    context.drawImage(whole, this.left * columns, this.top * rows, columns / this.scale, rows / this.scale,
      0, 0, canvas.width, canvas.height);
    if (this.mark) this.ring(context, canvas, this.mark, density);
    if (this.cross) this.lines(context, canvas, this.cross, density);
    const place = this.cross || this.pointed;
    view.value.textContent = place ? `${digits(this.valueAt(view, place), modality)} ${modality.unit}` : "";
  }

  valueAt(view, { x, y }) {
    const [rows, columns] = view.modality.size;
    const row = Math.min(rows - 1, Math.floor(y * rows)), column = Math.min(columns - 1, Math.floor(x * columns));
    return this.inUnits(view, view.codes[row * columns + column]);
  }

  onCanvas(canvas, { x, y }) {
    return [(x - this.left) * this.scale * canvas.width, (y - this.top) * this.scale * canvas.height];
  }

  ring(context, canvas, place, density) {
    const [x, y] = this.onCanvas(canvas, place);
    for (const [colour, width] of [["#000", 4], ["#ffd60a", 2]]) {
      context.beginPath();
      context.arc(x, y, 9 * density, 0, 2 * Math.PI);
      Object.assign(context, { strokeStyle: colour, lineWidth: width * density });
      context.stroke();
    }
  }

  lines(context, canvas, place, density) {
    const [x, y] = this.onCanvas(canvas, place), arm = 12 * density;
    context.beginPath();
    for (const [a, b, c, d] of [[x - arm, y, x + arm, y], [x, y - arm, x, y + arm]]) {
      context.moveTo(a, b);
      context.lineTo(c, d);
    }
    Object.assign(context, { strokeStyle: "#4cc9f0", lineWidth: 1.5 * density });
    context.stroke();
  }

  // Where a pointer is: in shares of the canvas, and in those of the image
  at(view, event) {
    const box = view.canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
    return { x, y, place: { x: this.left + x / this.scale, y: this.top + y / this.scale } };
  }

  setMark(place) {
    const inside = (share) => Math.min(1, Math.max(0, Math.round(share * 1e4) / 1e4));
    this.mark = { x: inside(place.x), y: inside(place.y) };
    this.draw();
    this.onMark(this.mark);
  }

  // Mouse, pen, fingers and keys
  listen(view) {
    const { canvas } = view;
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("dblclick", () => this.whole());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { x, y } = this.at(view, event);
      this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, x, y);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, { ...this.at(view, event), travelled: this.pointers.size ? 1 : 0 });
      this.windowing = event.button === 2 || event.shiftKey;
    });
    canvas.addEventListener("pointermove", (event) => this.moved(view, event));
    canvas.addEventListener("pointerup", (event) => {
      const pointer = this.pointers.get(event.pointerId);
      this.pointers.delete(event.pointerId);
      const still = pointer && pointer.travelled < 0.02 && !this.windowing && event.button === 0;
      if (still && this.marking) this.setMark(this.at(view, event).place);
    });
    canvas.addEventListener("pointercancel", (event) => this.pointers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => {
      this.pointed = null;
      this.draw();
    });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => {
      this.cross = null;
      this.draw();
    });
  }

  moved(view, event) {
    const now = this.at(view, event), before = this.pointers.get(event.pointerId);
    if (!before) {
      this.pointed = now.place;
      return this.draw();
    }
    const [x, y] = [now.x - before.x, now.y - before.y];
    const travelled = before.travelled + Math.hypot(x, y);
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId);
    this.pointers.set(event.pointerId, { ...now, travelled });
    if (others.length) {
      const [, other] = others[0];
      other.travelled = 1;
      const apart = (pointer) => Math.hypot(pointer.x - other.x, pointer.y - other.y);
      this.zoom(apart(now) / Math.max(0.01, apart(before)), (now.x + other.x) / 2, (now.y + other.y) / 2);
    } else if (this.windowing) {
      view.width.value = +view.width.value + x * view.width.max;
      view.level.value = +view.level.value + y * (view.level.max - view.level.min);
      this.draw();
    } else if (travelled > 0.02) this.move(x, y);
  }

  key(event) {
    const step = 1 / (64 * this.scale);
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (by) {
      const { x, y } = this.cross || { x: this.left + 0.5 / this.scale, y: this.top + 0.5 / this.scale };
      this.cross = { x: Math.min(1, Math.max(0, x + by[0])), y: Math.min(1, Math.max(0, y + by[1])) };
      this.draw();
    } else if (event.key === " " && this.cross && this.marking) this.setMark(this.cross);
    else return;
    event.preventDefault();
  }
}

// A value with as many decimals as its modality's range needs
function digits(value, { range: [low, high] }) {
  const decimals = Math.max(0, Math.ceil(2 - Math.log10(high - low)));
  return value.toFixed(Math.min(decimals, 6));
}
