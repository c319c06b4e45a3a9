// What the kernels of attention share whose workgroup shares tiles in its memory: BQ queries x BK keys for 64 invocations, each with
// TQ x TK of their scores. Rows of a tile are PITCH elements apart, so that neighbours read different banks. Part: attention.

const TQ = 2u;
const TK = 2u;
const BQ = TQ * 8u;
const BK = TK * 8u;
const PITCH = C + 1u;

/// Where element e of a tile's rows lies.
fn in_tile(e: u32) -> u32 {
  return e / C * PITCH + e % C;
}
