// What the tiled kernels of attention share that own queries: the queries, and a tile of keys or values.
// Parts: attention, attention_queries, attention_tiled.

const OUTPUTS = BQ / 4u * C; // of 4 queries x one element
const OWN = (OUTPUTS + 63u) / 64u;

var<workgroup> queries: array<E, BQ * PITCH>;
var<workgroup> tile: array<E, BK * PITCH>;
var<workgroup> span: vec2u;

/// First and last key that any of the queries from t0 on sees, the same for the whole workgroup.
fn keys_of(t0: u32, lane: u32) -> vec2u {
  if (lane == 0u) { span = span_of(t0, min(t0 + BQ, P.N)); }
  return workgroupUniformLoad(&span);
}

/// The tile becomes the keys from j0 on, zero beyond the last.
fn load_keys(j0: u32, last_key: u32, kv: u32, lane: u32) {
  for (var e = lane; e < BK * C; e += 64u) {
    let j = j0 + e / C;
    tile[in_tile(e)] = select(E(), k[key_at(min(j, last_key), kv) + e % C], j <= last_key);
  }
}

/// The tile becomes the values from j0 on, zero beyond the last.
fn load_values(j0: u32, last_key: u32, kv: u32, lane: u32) {
  for (var e = lane; e < BK * C; e += 64u) {
    let j = j0 + e / C;
    tile[in_tile(e)] = select(E(), v[key_at(min(j, last_key), kv) + e % C], j <= last_key);
  }
}
