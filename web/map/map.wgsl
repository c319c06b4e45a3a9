// The block map: every matrix a plate, drawn as one instance of a quad; a plate's pixel finds its block and colours it by its word
// (cells.ts). One draw call whatever the size of the model; where blocks are smaller than pixels, a pixel shows the strongest of its own.

struct View {
  camera: mat3x3f, // from blocks to device pixels
  size: vec2f, // of the picture, device pixels
  scale: f32, // device pixels a block
  shown: f32, // share of the chosen blocks that are lit, best first
  at: vec2f, // the block pointed at, on the map; negative: none
  grid: f32, // width of the line between blocks, device pixels; 0: none
  edge: f32, // of the outline
  plate: vec4f, // colours
  line: vec4f,
  scored: vec4f, // of a block of the highest score that is not chosen
  low: vec4f, // of the last block chosen
  high: vec4f, // of the first
  moved: vec4f, // of how far a block has moved
  off: vec4f, // of a block that is switched off
  text: vec4f,
}

struct Plate {
  corner: vec2f,
  size: vec2f,
  first: u32, // its first word
}

struct Pixel {
  @builtin(position) at: vec4f,
  @location(0) local: vec2f, // blocks from the plate's corner
  @location(1) @interpolate(flat) plate: u32,
}

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<storage, read> plates: array<Plate>;
@group(0) @binding(2) var<storage, read> words: array<u32>;

@vertex
fn corners(@builtin(vertex_index) vertex: u32, @builtin(instance_index) plate: u32) -> Pixel {
  let p = plates[plate];
  let local = vec2f(f32(vertex & 1u), f32(vertex >> 1u)) * p.size;
  let px = (view.camera * vec3f(p.corner + local, 1.0)).xy;
  return Pixel(vec4f(px.x / view.size.x * 2.0 - 1.0, 1.0 - px.y / view.size.y * 2.0, 0.0, 1.0), local, plate);
}

const CHOSEN = 256u;
const OFF = 512u;

/** How strongly a word is seen where it shares a pixel. */
fn weight(word: u32) -> u32 {
  return (word & 255u) + (word & CHOSEN) * 2u + (word >> 24u) * (word & CHOSEN) / 256u;
}

@fragment
fn colour(p: Pixel) -> @location(0) vec4f {
  let plate = plates[p.plate];
  let last = plate.size - 1.0;
  let cell = clamp(floor(p.local), vec2f(0.0), last);
  var word = words[plate.first + u32(cell.y * plate.size.x + cell.x)];
  let across = i32(min(ceil(1.0 / view.scale), 8.0));
  for (var i = 1; i < across * across; i++) {
    let near = min(cell + vec2f(f32(i % across), f32(i / across)), last);
    let other = words[plate.first + u32(near.y * plate.size.x + near.x)];
    word = select(word, other, weight(other) > weight(word));
  }
  let rank = f32(word >> 24u) / 255.0;
  let lit = (word & CHOSEN) != 0u && rank >= 1.0 - view.shown;
  var c = mix(view.plate, view.scored, f32(word & 255u) / 255.0);
  if (lit) { c = mix(view.low, view.high, rank); }
  let within = p.local - cell;
  let middle = max(abs(within.x - 0.5), abs(within.y - 0.5));
  let moved = f32((word >> 16u) & 255u) / 255.0;
  if (lit && moved > 0.0) {
    if (view.grid > 0.0) { c = select(c, view.moved, middle < 0.06 + 0.27 * moved); }
    else { c = mix(c, view.moved, 0.6 * moved); }
  }
  if ((word & OFF) != 0u) { c = view.off; }
  let rim = (0.5 - middle) * view.scale;
  if (rim < view.grid) { c = view.line; }
  if (all(plate.corner + cell == view.at) && rim < view.edge) { c = view.text; }
  return vec4f(c.rgb, 1.0);
}
