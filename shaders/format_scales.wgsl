// The f16 scales of formats whose blocks are no whole words without: ws has one a block, two a word, low half first.
@group(0) @binding(1) var<storage, read> ws: array<u32>;

fn scale(block: u32) -> f32 {
  return unpack2x16float(ws[block / 2u])[block % 2u];
}
