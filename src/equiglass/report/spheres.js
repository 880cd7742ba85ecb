// Coloured spheres in a box, in perspective: with WebGL 2, or on a plain canvas without such hardware.
//
//   scene  { centres: Float32Array(3 N), from the middle of the box; box: [Lx, Ly, Lz] }
//   dress  { colours: Uint8Array(3 N); radii: Float32Array(N), 0 hides a particle }
//   view   { turn: rotation matrix, row by row; zoom: 1 shows the whole box }
//   paper, ink: colours behind the spheres and of the edges of the box, each [r, g, b] in 0..255
"use strict";

const Spheres = (() => {
  const VERTEX = `#version 300 es
    in vec2 corner; in vec3 centre; in float radius; in vec3 colour;
    uniform mat3 turn; uniform vec2 focus; uniform vec3 lens;
    out vec2 across; out vec3 hue; out float depth; out float size;
    void main() {
      vec3 p = turn * centre;
      across = corner; hue = colour; size = radius;
      depth = lens.x - p.z;
      gl_Position = vec4(focus * (p.xy + radius * corner), 0.0, depth);
    }`;
  // Each square shows a sphere: depth and light of every pixel are those of its surface.
  const FRAGMENT = `#version 300 es
    precision highp float;
    in vec2 across; in vec3 hue; in float depth; in float size;
    uniform vec3 lens; uniform vec3 paper;
    out vec4 pixel;
    void main() {
      float r = length(across);
      float cover = clamp((1.0 - r) / fwidth(r) + 0.5, 0.0, 1.0);
      if (cover <= 0.0) discard;
      float height = sqrt(max(0.0, 1.0 - r * r));
      float light = 0.55 + 0.5 * max(0.0, dot(vec3(across, height), vec3(-0.36, 0.48, 0.80)));
      float range = lens.z - lens.y;
      float haze = 0.35 * clamp((depth - lens.y) / range, 0.0, 1.0);
      gl_FragDepth = (depth - size * height - lens.y) / range;
      pixel = vec4(mix(hue * light, paper, haze), cover);
    }`;
  const EDGE_VERTEX = `#version 300 es
    in vec3 centre;
    uniform mat3 turn; uniform vec2 focus; uniform vec3 lens;
    out float depth;
    void main() {
      vec3 p = turn * centre;
      depth = lens.x - p.z;
      gl_Position = vec4(focus * p.xy, 0.0, depth);
    }`;
  const EDGE_FRAGMENT = `#version 300 es
    precision highp float;
    in float depth;
    uniform vec3 lens; uniform vec3 ink;
    out vec4 pixel;
    void main() {
      gl_FragDepth = clamp((depth - lens.y) / (lens.z - lens.y), 0.0, 1.0);
      pixel = vec4(ink, 1.0);
    }`;

  function edges(box) {
    const points = [];
    for (let axis = 0; axis < 3; axis++) {
      for (const [a, b] of [[-1, -1], [-1, 1], [1, -1], [1, 1]]) {
        for (const along of [-1, 1]) {
          const sign = [0, 0, 0];
          sign[axis] = along;
          sign[(axis + 1) % 3] = a;
          sign[(axis + 2) % 3] = b;
          points.push(...sign.map((s, k) => (s * box[k]) / 2));
        }
      }
    }
    return new Float32Array(points);
  }

  // Focal lengths in half widths and half heights of the picture; eye distance, nearest and farthest depth.
  function camera(box, view, width, height) {
    const reach = Math.hypot(...box) / 2 + 1;
    const eye = 3.5 * reach;
    const focal = (1.15 * view.zoom * eye) / reach;
    const shorter = Math.min(width, height);
    return { focus: [(focal * shorter) / width, (focal * shorter) / height], eye, near: eye - reach, far: eye + reach };
  }

  // In pixels from the top left, with the height towards the eye and the scale, pixels per unit of length.
  function project(centres, k, view, lens, width, height) {
    const [x, y, z] = [centres[3 * k], centres[3 * k + 1], centres[3 * k + 2]];
    const t = view.turn;
    const rise = t[6] * x + t[7] * y + t[8] * z;
    const scale = (lens.focus[0] * width) / 2 / (lens.eye - rise);
    return [
      width / 2 + scale * (t[0] * x + t[1] * y + t[2] * z),
      height / 2 - scale * (t[3] * x + t[4] * y + t[5] * z),
      rise,
      scale,
    ];
  }

  // The foremost particle under a point of the canvas (CSS pixels), or -1.
  function pick(canvas, scene, dress, view, px, py) {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const lens = camera(scene.box, view, width, height);
    let [found, highest] = [-1, -Infinity];
    for (let k = 0; k < dress.radii.length; k++) {
      if (dress.radii[k] === 0) continue;
      const [x, y, rise, scale] = project(scene.centres, k, view, lens, width, height);
      if (rise > highest && Math.hypot(x - px, y - py) < scale * dress.radii[k]) [found, highest] = [k, rise];
    }
    return found;
  }

  function fit(canvas) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((x) => Math.max(1, Math.round(x * ratio)));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  }

  function program(gl, vertex, fragment) {
    const made = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(made, shader);
    }
    gl.linkProgram(made);
    if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(made));
    return made;
  }

  function webgl(canvas) {
    // WebGL in software would be slower than the plain canvas.
    const wanted = { alpha: false, antialias: true, preserveDrawingBuffer: true, failIfMajorPerformanceCaveat: true };
    const gl = canvas.getContext("webgl2", wanted);
    if (!gl) return null;
    const made = { spheres: program(gl, VERTEX, FRAGMENT), edges: program(gl, EDGE_VERTEX, EDGE_FRAGMENT) };
    const arrays = { spheres: gl.createVertexArray(), edges: gl.createVertexArray() };
    const buffers = {};

    function attribute(of, name, size, { each = false, type = gl.FLOAT } = {}) {
      gl.bindVertexArray(arrays[of]);
      const place = gl.getAttribLocation(made[of], name);
      buffers[`${of}.${name}`] = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[`${of}.${name}`]);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, size, type, type === gl.UNSIGNED_BYTE, 0, 0);
      gl.vertexAttribDivisor(place, each ? 1 : 0);
    }
    function fill(name, values) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    }
    attribute("spheres", "corner", 2);
    attribute("spheres", "centre", 3, { each: true });
    attribute("spheres", "radius", 1, { each: true });
    attribute("spheres", "colour", 3, { each: true, type: gl.UNSIGNED_BYTE });
    attribute("edges", "centre", 3);
    fill("spheres.corner", new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]));
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.SAMPLE_ALPHA_TO_COVERAGE);

    let box, count;
    return {
      name: "webgl",
      load(scene) {
        box = scene.box;
        count = scene.centres.length / 3;
        fill("spheres.centre", scene.centres);
        fill("edges.centre", edges(box));
      },
      dress({ colours, radii }) {
        fill("spheres.colour", colours);
        fill("spheres.radius", radii);
      },
      draw(view, paper, ink) {
        fit(canvas);
        const lens = camera(box, view, canvas.width, canvas.height);
        gl.viewport(0, 0, canvas.width, canvas.height);
        gl.clearColor(...paper.map((x) => x / 255), 1);
        gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
        for (const of of ["spheres", "edges"]) {
          const uniform = (name) => gl.getUniformLocation(made[of], name);
          gl.useProgram(made[of]);
          gl.bindVertexArray(arrays[of]);
          gl.uniformMatrix3fv(uniform("turn"), true, view.turn);
          gl.uniform2f(uniform("focus"), ...lens.focus);
          gl.uniform3f(uniform("lens"), lens.eye, lens.near, lens.far);
          gl.uniform3f(uniform(of === "spheres" ? "paper" : "ink"), ...(of === "spheres" ? paper : ink).map((x) => x / 255));
          if (of === "spheres") gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
          else gl.drawArrays(gl.LINES, 0, 24);
        }
      },
    };
  }

  function plain(canvas) {
    const pen = canvas.getContext("2d", { alpha: false });
    let scene, rim, worn, order;
    return {
      name: "canvas",
      load(now) {
        scene = now;
        rim = edges(scene.box);
        order = Uint32Array.from({ length: scene.centres.length / 3 }, (_, k) => k);
      },
      dress(now) {
        worn = now;
      },
      draw(view, paper, ink) {
        fit(canvas);
        const { width, height } = canvas;
        const lens = camera(scene.box, view, width, height);
        pen.fillStyle = `rgb(${paper})`;
        pen.fillRect(0, 0, width, height);
        pen.strokeStyle = `rgb(${ink})`;
        pen.beginPath();
        for (let k = 0; k < 24; k++) {
          const [x, y] = project(rim, k, view, lens, width, height);
          if (k % 2) pen.lineTo(x, y);
          else pen.moveTo(x, y);
        }
        pen.stroke();
        const t = view.turn;
        const c = scene.centres;
        const rise = Float32Array.from(order, (_, k) => t[6] * c[3 * k] + t[7] * c[3 * k + 1] + t[8] * c[3 * k + 2]);
        order.sort((a, b) => rise[a] - rise[b]);
        pen.strokeStyle = "rgba(0, 0, 0, 0.45)";
        pen.lineWidth = Math.max(0.5, width / 1200);
        for (const k of order) {
          if (worn.radii[k] === 0) continue;
          const [x, y, , scale] = project(c, k, view, lens, width, height);
          pen.fillStyle = `rgb(${worn.colours[3 * k]}, ${worn.colours[3 * k + 1]}, ${worn.colours[3 * k + 2]})`;
          pen.beginPath();
          pen.arc(x, y, scale * worn.radii[k], 0, 2 * Math.PI);
          pen.fill();
          pen.stroke();
        }
      },
    };
  }

  return { painter: (canvas) => webgl(canvas) || plain(canvas), pick };
})();
