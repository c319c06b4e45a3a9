// The long tests of the page, on the same server and browser as the short ones.
import { resolve } from 'node:path';
import { defineConfig } from '@playwright/test';
import short from '../../../playwright.config.ts';

const root = resolve(import.meta.dirname, '../../..');
const webServer = { ...short.webServer, cwd: root } as typeof short.webServer;

export default defineConfig({ ...short, testDir: '.', outputDir: `${root}/test-results`, webServer, timeout: 600_000 });
