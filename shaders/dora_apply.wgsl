// y (+)= (weight scale[c] + plain) x, column by column of x[N, cols]; both may be columns of wider rows. Part: lanes.

const X_AT = 0u;
const LDX = 0u; // from one row of x to the next; 0: cols
const Y_AT = 0u;
const LDY = 0u;

struct Params {
  origin: vec3u,
  cols: u32, // of E
  count: u32, // of E in all rows
  weight: f32,
  plain: f32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> scale: array<E>;
@group(0) @binding(2) var<storage, read> x: array<E>;
@group(0) @binding(3) var<storage, read_write> y: array<E>;

/// Where element i of the rows is among rows ld apart.
fn place(i: u32, first: u32, ld: u32) -> u32 {
  if (ld == 0u) {
    return i;
  }
  return first + i / P.cols * ld + i % P.cols;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * 64u + lane;
  if (i >= P.count) {
    return;
  }
  let c = i % P.cols;
  let value = (P.weight * scale[c] + P.plain) * x[place(i, X_AT, LDX)];
  let at = place(i, Y_AT, LDY);
  if (P.accumulate == 0u) {
    y[at] = value;
  } else {
    y[at] += value;
  }
}
