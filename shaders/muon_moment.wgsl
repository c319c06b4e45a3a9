// The first of a Muon step, for packed matrices: the moment m = beta m + (1 - beta) g of the clipped gradient, the look-ahead
// u = beta m + (1 - beta) g into x, turned where a matrix is tall, so that its rows are the shorter side, and the sum of u's squares, a
// run of RUN elements a workgroup. A skipped step moves no moment. Parts: reduce, muon_items.

const RUN = 2048u;

struct Params {
  origin: vec3u,
  first: u32, // item of z = 0
  rows: u32,
  cols: u32,
  beta: f32,
  rest: f32, // 1 - beta, subtracted in f64
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> items: array<vec2u>;
@group(0) @binding(2) var<storage, read> state: array<f32>; // clip factor, skipped
@group(0) @binding(3) var<storage, read> grad: array<f32>;
@group(0) @binding(4) var<storage, read_write> m: array<f32>;
@group(0) @binding(5) var<storage, read_write> x: array<f32>;
@group(0) @binding(6) var<storage, read_write> squares: array<f32>; // [items, runs]

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let wg = group + P.origin;
  let count = P.rows * P.cols;
  let at = items[P.first + wg.z].x;
  let start = wg.x * RUN;
  let mine = walk(lane, min(RUN, count - start));
  var sum = 0.0;
  for (var k = start + mine.x; k < start + mine.y; k += 8u) {
    let g = grad[at + k] * state[0];
    let moment = P.beta * m[at + k] + P.rest * g;
    let u = P.beta * moment + P.rest * g;
    if (state[1] == 0.0) {
      m[at + k] = moment;
    }
    x[wg.z * count + turned(k, P.rows, P.cols)] = u;
    sum += u * u;
  }
  let all = sum_all(lane, sum);
  if (lane == 0u) {
    squares[wg.z * ((count + RUN - 1u) / RUN) + wg.x] = all;
  }
}
