/** `npm start`: from a fresh checkout to a running portal. What is there already is not done again. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import {
  buildSite,
  buildTools,
  installPackages,
  installTools,
  node,
  root,
  say,
  usefulTools,
} from './prepare.mjs'

installPackages()
const missing = installTools({ ...buildTools, ...usefulTools }).filter((tool) => tool in buildTools)
if (missing.length > 0)
  say(
    `building packages is off until these are installed: ${[...new Set(missing.map((tool) => buildTools[tool].apt))].join(' ')}`,
  )
buildSite()

const portal = spawn(node, [join(root, 'src/up.ts'), ...process.argv.slice(2)], {
  stdio: 'inherit',
})
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => portal.kill(signal))
portal.on('exit', (code) => process.exit(code ?? 1))
