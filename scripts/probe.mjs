// node probe.mjs NAME: prints as JSON the adapter that Node's Dawn opens, { name, software }; nothing where it has none, or none with
// that NAME in its own (auto: any). Of runtime.mjs, which runs it as a process of its own.
import process from 'node:process';
import { create } from 'webgpu';

const wanted = process.argv[2].toLowerCase();
const adapter = await create([]).requestAdapter({ powerPreference: 'high-performance' });
if (adapter) {
  const { description, vendor, architecture, isFallbackAdapter } = adapter.info;
  const name = description || [vendor, architecture].filter(Boolean).join(' ');
  const software = isFallbackAdapter || /llvmpipe|swiftshader|lavapipe|softpipe|basic render/i.test(name);
  if (wanted === 'auto' || name.toLowerCase().includes(wanted)) process.stdout.write(JSON.stringify({ name, software }));
}
process.exit(0); // Dawn keeps a process alive
