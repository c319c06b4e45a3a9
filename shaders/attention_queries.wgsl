// What the kernels of attention that own queries share: which keys a query sees. Part: attention.
@group(0) @binding(4) var<storage, read> lo: array<u32>; // first key that a query sees
@group(0) @binding(5) var<storage, read> last: array<u32>; // last key that it sees

/// First and last key that any of the queries t0 <= t < end sees; none for no queries.
fn span_of(t0: u32, end: u32) -> vec2u {
  var span = vec2u(0xffffffffu, 0u);
  for (var t = t0; t < end; t++) {
    span = vec2u(min(span.x, lo[t]), max(span.y, last[t]));
  }
  return span;
}

/// Whether a query with these bounds sees key j.
fn sees(first: u32, end: u32, j: u32) -> bool {
  return first <= j && j <= end;
}
