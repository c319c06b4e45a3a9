// B of the tiled product in f32: four elements from element i on, a multiple of 4.
@group(0) @binding(2) var<storage, read> b: array<vec4f>;

fn read_b(i: u32) -> vec4f {
  return b[i / 4u];
}
