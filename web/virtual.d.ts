// The worker's address, as the build makes it (vite.config.ts).
declare module 'virtual:worker' {
  const address: string;
  export default address;
}
