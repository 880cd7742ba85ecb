// Two linked views of one configuration: the particles shown, their colours, and the rotation.
"use strict";

(() => {
  const FIELD = "#440154 #482475 #414487 #355f8d #2a788e #21918c #22a884 #44bf70 #7ad151 #bddf26 #fde725".split(" ");
  const ERROR = "#053061 #2166ac #4393c3 #92c5de #d1e5f0 #f7f7f7 #fddbc7 #f4a582 #d6604d #b2182b #67001f".split(" ");
  const TYPES = "#0072b2 #d55e00 #009e73 #cc79a7 #e69f00 #56b4e9 #8c8c8c".split(" ");
  const UNKNOWN = [150, 150, 150];
  const START = { yaw: -0.5, pitch: 0.35 };

  const rgb = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
  const short = (x) => (Number.isFinite(x) ? String(Number(x.toPrecision(3))) : "unknown");

  function bytes(text) {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  }
  const floats = (text) => new Float32Array(bytes(text).buffer);

  function percentile(values, share) {
    const sorted = Float32Array.from(values).filter(Number.isFinite).sort();
    return sorted.length ? sorted[Math.round(share * (sorted.length - 1))] : NaN;
  }

  function rotation(yaw, pitch) {
    const [a, b, c, d] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    return [a, 0, b, b * d, c, -a * d, -b * c, d, a * c];
  }

  function times(m, n) {
    return m.map((_, k) => [0, 1, 2].reduce((sum, j) => sum + m[3 * Math.floor(k / 3) + j] * n[3 * j + (k % 3)], 0));
  }

  // Gram and Schmidt: thousands of small turns would otherwise bend the axes.
  function orthonormal(m) {
    const unit = (v) => v.map((x) => x / Math.hypot(...v));
    const first = unit(m.slice(0, 3));
    const along = first.reduce((sum, x, k) => sum + x * m[3 + k], 0);
    const second = unit(m.slice(3, 6).map((x, k) => x - along * first[k]));
    const [[a, b, c], [d, e, f]] = [first, second];
    return [...first, ...second, b * f - c * e, c * d - a * f, a * e - b * d];
  }

  function decode(raw) {
    const positions = floats(raw.positions);
    return {
      name: raw.name,
      times: raw.times,
      box: raw.box,
      positions,
      centres: positions.map((x, k) => x - raw.box[k % 3] / 2),
      types: bytes(raw.types),
      radii: raw.radii,
      measured: floats(raw.measured),
      predicted: raw.predicted.map(floats),
    };
  }

  function start(figure) {
    const data = JSON.parse(figure.querySelector("script").textContent);
    const control = (name) => figure.querySelector(`[name="${name}"]`);
    const { configuration, time, particles, range, axis, centre, thickness } = Object.fromEntries(
      ["configuration", "time", "particles", "range", "axis", "centre", "thickness"].map((name) => [name, control(name)]),
    );
    const probe = figure.querySelector(".probe");
    const view = { turn: rotation(START.yaw, START.pitch), zoom: 1 };
    let scene, last, shown, waiting = false;

    function options(select, texts, chosen = 0) {
      select.replaceChildren(...texts.map((text, k) => new Option(text, k, k === chosen, k === chosen)));
    }

    // The quantities that can colour the particles: { text, kind, values() }.
    const several = data.models.length > 1;
    const quantities = [
      { text: `measured ${data.quantity}`, kind: "field", values: () => row(scene.measured) },
      ...data.models.flatMap((name, k) => {
        const of = several ? `, ${name}` : "";
        const predicted = () => row(scene.predicted[k]);
        const error = () => {
          const truth = row(scene.measured);
          return predicted().map((x, j) => x - truth[j]);
        };
        return [
          { text: `predicted ${data.quantity}${of}`, kind: "field", values: predicted },
          { text: `error: predicted minus measured${of}`, kind: "error", values: error },
        ];
      }),
      { text: "type", kind: "type", values: () => Float32Array.from(scene.types) },
    ];

    function row(field) {
      const n = scene.types.length;
      return field.subarray(Number(time.value) * n, (Number(time.value) + 1) * n);
    }

    const panels = Array.from(figure.querySelectorAll(".panel"), (element) => {
      const canvas = element.querySelector("canvas");
      return {
        canvas,
        painter: Spheres.painter(canvas),
        colour: element.querySelector("select"),
        ramp: element.querySelector(".ramp"),
        ticks: element.querySelector(".ticks"),
        quantity: element.querySelector(".quantity"),
      };
    });

    function paint() {
      const style = getComputedStyle(figure);
      const [paper, ink] = [style.backgroundColor, style.color].map((c) => c.match(/[\d.]+/g).slice(0, 3).map(Number));
      for (const { painter } of panels) painter.draw(view, paper, ink);
      figure.dataset.renderer = panels[0].painter.name;
      figure.dataset.state = "ready";
    }

    // One picture per frame, however many changes.
    function draw() {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        paint();
      });
    }

    function load() {
      scene = decode(data.configurations[configuration.value]);
      for (const { painter } of panels) painter.load(scene);
      options(time, data.labels.map((label, k) => `t = ${short(scene.times[k])} (label ${label})`), last);
      update();
    }

    // Which particles are visible, and their colours.
    function update() {
      last = Number(time.value);
      const kind = Number(particles.value) - 1;
      const cut = axis.value === "" ? -1 : Number(axis.value);
      centre.disabled = thickness.disabled = cut < 0;
      const length = scene.box[Math.max(cut, 0)];
      const [middle, half] = [centre.value * length, (thickness.value * length) / 2];
      centre.nextElementSibling.value = short(middle);
      thickness.nextElementSibling.value = short(2 * half);
      const radii = Float32Array.from(scene.types, (type, k) => {
        const far = cut >= 0 && Math.abs(scene.positions[3 * k + cut] - middle) > half;
        return far || (kind >= 0 && type !== kind) ? 0 : scene.radii[type];
      });
      const ofKind = (values) => values.filter((_, k) => kind < 0 || scene.types[k] === kind);
      // One range for truth and prediction, unless asked otherwise; the rare extremes would use up the colours.
      const shared = [row(scene.measured), ...scene.predicted.map(row)].find((v) => ofKind(v).some(Number.isFinite)) || [];
      shown = { radii };
      for (const panel of panels) {
        const { text, kind: sort, values } = quantities[panel.colour.value];
        const field = values();
        const spanned = ofKind(sort === "field" && range.value === "shared" ? shared : field);
        const most = percentile(spanned.map(Math.abs), 0.97);
        const [low, high] = sort === "error" ? [-most, most] : [percentile(spanned, 0.03), percentile(spanned, 0.97)];
        const stops = (sort === "error" ? ERROR : FIELD).map(rgb);
        const colours = new Uint8Array(3 * field.length);
        field.forEach((value, k) => colours.set(sort === "type" ? rgb(TYPES[value % TYPES.length]) : mix(stops, (value - low) / (high - low)), 3 * k));
        panel.painter.dress({ colours, radii });
        legend(panel, text, sort, low, high);
        panel.canvas.setAttribute("aria-label", `${scene.name}: particles coloured by ${text}, ${time.selectedOptions[0].text}. Arrow keys turn, plus and minus zoom.`);
      }
      draw();
    }

    function mix(stops, at) {
      if (!Number.isFinite(at)) return UNKNOWN;
      const place = Math.min(Math.max(at, 0), 1) * (stops.length - 1);
      const k = Math.min(Math.floor(place), stops.length - 2);
      return stops[k].map((x, j) => x + (place - k) * (stops[k + 1][j] - x));
    }

    function legend({ ramp, ticks, quantity }, text, sort, low, high) {
      const types = sort === "type" && data.types;
      const stops = types ? types.flatMap((_, k) => [TYPES[k % TYPES.length], TYPES[k % TYPES.length]].map((c, j) => `${c} ${(100 * (k + j)) / types.length}%`)) : sort === "error" ? ERROR : FIELD;
      ramp.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
      const marks = types || [0, 0.25, 0.5, 0.75, 1].map((s) => short(low + s * (high - low)));
      if (!types) [marks[0], marks[4]] = [`≤ ${marks[0]}`, `≥ ${marks[4]}`];
      ticks.classList.toggle("types", Boolean(types));
      ticks.replaceChildren(...marks.map((mark) => Object.assign(document.createElement("span"), { textContent: mark })));
      quantity.textContent = types ? "type" : `${text} / ${data.unit}`;
    }

    function turn(yaw, pitch) {
      view.turn = orthonormal(times(rotation(yaw, pitch), view.turn));
      draw();
    }

    function zoom(factor) {
      view.zoom = Math.min(Math.max(view.zoom * factor, 0.5), 20);
      draw();
    }

    function reset() {
      Object.assign(view, { turn: rotation(START.yaw, START.pitch), zoom: 1 });
      draw();
    }

    function describe(canvas, event) {
      const edge = canvas.getBoundingClientRect();
      const k = Spheres.pick(canvas, scene, shown, view, event.clientX - edge.left, event.clientY - edge.top);
      const values = quantities.filter((q) => q.kind === "field").map((q) => `${q.text} ${short(q.values()[k])}`);
      probe.value = k < 0 ? "" : `particle ${k} (from 0), type ${data.types[scene.types[k]]}: ${values.join(", ")}`;
    }

    function listen(canvas) {
      const fingers = new Map();
      const spread = () => {
        const [a, b] = [...fingers.values()];
        return Math.hypot(a.x - b.x, a.y - b.y);
      };
      canvas.addEventListener("pointerdown", (event) => {
        if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
        fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      });
      canvas.addEventListener("pointermove", (event) => {
        const before = fingers.get(event.pointerId);
        if (!before) return describe(canvas, event);
        const now = { x: event.clientX, y: event.clientY };
        const apart = fingers.size > 1 ? spread() : 0;
        fingers.set(event.pointerId, now);
        if (fingers.size > 1) return zoom(spread() / Math.max(apart, 1));
        const angle = (2.5 / canvas.clientWidth) * (view.zoom > 1 ? 1 / view.zoom : 1);
        turn((now.x - before.x) * angle, (now.y - before.y) * angle);
      });
      for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
      canvas.addEventListener("pointerleave", () => (probe.value = ""));
      // The page scrolls over a view until it is clicked.
      canvas.addEventListener("wheel", (event) => {
        if (document.activeElement !== canvas && !event.ctrlKey) return;
        event.preventDefault();
        zoom(Math.exp(-0.002 * event.deltaY));
      }, { passive: false });
      canvas.addEventListener("keydown", (event) => {
        const step = 0.1;
        const act = {
          ArrowLeft: () => turn(-step, 0), ArrowRight: () => turn(step, 0), ArrowUp: () => turn(0, -step), ArrowDown: () => turn(0, step),
          "+": () => zoom(1.15), "=": () => zoom(1.15), "-": () => zoom(1 / 1.15), 0: reset,
        }[event.key];
        if (!act) return;
        event.preventDefault();
        act();
      });
      canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
      canvas.addEventListener("webglcontextrestored", () => {
        panels.find((panel) => panel.canvas === canvas).painter = Spheres.painter(canvas);
        load();
      });
      new ResizeObserver(draw).observe(canvas);
    }

    options(configuration, data.configurations.map((c) => c.name));
    options(particles, ["all types", ...data.types.map((type) => `type ${type}`)]);
    last = data.labels.length - 1;
    panels.forEach((panel, k) => {
      options(panel.colour, quantities.map((q) => q.text), Math.min(k, quantities.length - 1));
      panel.colour.addEventListener("change", update);
      listen(panel.canvas);
    });
    configuration.addEventListener("change", load);
    for (const select of [time, particles, range, axis]) select.addEventListener("change", update);
    for (const slider of [centre, thickness]) slider.addEventListener("input", update);
    control("closer").addEventListener("click", () => zoom(1.25));
    control("farther").addEventListener("click", () => zoom(0.8));
    control("reset").addEventListener("click", reset);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    load();
    paint();
  }

  document.querySelectorAll("figure.view").forEach(start);
})();
