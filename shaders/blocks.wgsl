// What the kernels over chosen blocks share: a matrix [rows, cols] has n chosen blocks, D [n, b, b], ordered by block row, then column.
// x [N, cols], dy [N, rows]; out is y [N, rows], dx [N, cols] or dD [n, b, b]. Parts: lanes.
// lists, one behind the other: the block column of each block; the groups by block row; the blocks by column (each a block and its
// block row); the groups by block column; the block row and column of each block. A group is (which row or column, first entry, end).

struct Params {
  origin: vec3u,
  N: u32,
  rows: u32,
  cols: u32,
  b: u32,
  entries_at: u32, // the list that the kernel walks
  groups_at: u32, // the groups of its entries
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> lists: array<u32>;
@group(0) @binding(2) var<storage, read> d: array<E>;
@group(0) @binding(3) var<storage, read> x: array<E>;
@group(0) @binding(4) var<storage, read> dy: array<E>;
@group(0) @binding(5) var<storage, read_write> out: array<E>;

/// Group z: its block row or column, its first entry and the one after its last.
fn group_of(z: u32) -> vec3u {
  let at = P.groups_at + 3u * z;
  return vec3u(lists[at], lists[at + 1u], lists[at + 2u]);
}

/// Entry e of a list of pairs.
fn pair(e: u32) -> vec2u {
  let at = P.entries_at + 2u * e;
  return vec2u(lists[at], lists[at + 1u]);
}
