// Where the head's input needs a gradient: dx [M, D] is the sum of exp(l - top) W over the panels so far, under the top so far.
@group(0) @binding(6) var<storage, read_write> dx: array<vec4f>;

fn keep(i: u32, e: E) {
  logits[i] = e;
}

fn shrink(row: u32, lane: u32, less: f32) {
  for (var i = lane; i < P.wide; i += WIDTH) { dx[row * P.wide + i] *= less; }
}
