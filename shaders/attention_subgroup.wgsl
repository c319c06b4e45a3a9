// What the kernels of attention share whose workgroup is one subgroup of SHARE invocations: they walk over the same rows, each loads
// one element in SHARE and broadcasts hand it to the others, since on a software adapter a load costs twenty multiply-adds and a
// broadcast one. Where they own queries: HEADS heads of one kv head x SHARE / HEADS tiles of BQ queries. Part: attention.

const SHARE = 8u;
const HEADS = 1u; // divides SHARE and n_heads / n_kv_heads
