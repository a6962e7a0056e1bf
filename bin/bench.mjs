/** `npm run bench`: measures what tests/bench names, prints the numbers with the machine's. */
import { delimiter, dirname, join } from 'node:path'
import {
  buildSite,
  buildTools,
  installPackages,
  installTools,
  node,
  root,
  run,
  usefulTools,
} from './prepare.mjs'

installPackages()
installTools({
  ...buildTools,
  ...usefulTools,
  // A client's own reading of a repository, beside which a push is measured.
  rpmmd2solv: { apt: 'libsolv-tools', dnf: 'libsolv-tools' },
})
buildSite()
run(node, [join(root, 'tests/bench/main.ts'), ...process.argv.slice(2)], {
  env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` },
})
