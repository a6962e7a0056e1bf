#!/usr/bin/env node
/** Runs the command line on the Node that the project brings, whatever Node called it. */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const node = join(root, 'node_modules', 'node', 'bin', 'node')
const [command, ...words] = process.argv.slice(2)
// What supervises for months loads nothing of the portal.
const script = command === 'up' ? ['up.ts', ...words] : ['cli.ts', ...process.argv.slice(2)]
const child = spawn(node, [join(root, 'src', script[0]), ...script.slice(1)], {
  stdio: 'inherit',
})
// A signal to this process is meant for the command.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', () => {
  process.stderr.write('slipway: Node 24 is not installed here. Run: npm ci\n')
  process.exit(1)
})
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 130 : 1)))
