/** A PostgreSQL server of our own for one run: fresh cluster, free port, gone afterwards. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Folder of initdb and pg_ctl, which Debian keeps out of PATH. */
function serverFolder() {
  const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(a) - Number(b))
  return join('/usr/lib/postgresql', versions.at(-1), 'bin')
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** PostgreSQL refuses to run as root; Debian's package brings a user for it. */
function asServer(command, args) {
  const words =
    process.getuid() === 0
      ? ['runuser', '-u', 'postgres', '--', command, ...args]
      : [command, ...args]
  const { status, stderr, stdout } = spawnSync(words[0], words.slice(1), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
  })
  if (status !== 0) throw new Error(`${command}: ${stdout}${stderr}`)
}

/** @param work gets the server's address; its databases are made by the tests */
export async function withPostgres(work) {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-postgres-'))
  chmodSync(folder, 0o777)
  const data = join(folder, 'data')
  const port = await freePort()
  const bin = serverFolder()
  const options = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200`
  asServer(join(bin, 'initdb'), [
    '-D',
    data,
    '-U',
    'slipway',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C.UTF-8',
  ])
  asServer(join(bin, 'pg_ctl'), [
    '-D',
    data,
    '-o',
    options,
    '-w',
    '-l',
    join(folder, 'log'),
    'start',
  ])
  try {
    return await work(`postgres://slipway@127.0.0.1:${port}/postgres`)
  } finally {
    asServer(join(bin, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop'])
    rmSync(folder, { recursive: true, force: true })
  }
}
