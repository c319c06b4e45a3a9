// Nothing but fused multiply-adds, four vec4 chains in registers: what this adapter can reach at most. 32 FLOPs a turn, of which some
// run between two looks at the counter: counting alone took half of an H100's time where each turn had one.

const WG: u32 = 64;
const TURNS: u32 = 16;

struct Params {
  origin: vec3u,
  n: u32, // turns, a multiple of TURNS
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>; // one an invocation, so that nothing is optimised away

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + P.origin.x) * WG + lane;
  let m = vec4f(0.999);
  let n = vec4f(1e-3);
  var a = vec4f(f32(i) * 1e-6 + 0.1);
  var b = a * 0.3;
  var c = a * 0.7;
  var d = a * 0.9;
  for (var k = 0u; k < P.n; k += TURNS) {
    // @unroll
    for (var t = 0u; t < TURNS; t++) {
      a = fma(a, m, n);
      b = fma(b, m, n);
      c = fma(c, m, n);
      d = fma(d, m, n);
    }
  }
  y[i] = a + b + c + d;
}
