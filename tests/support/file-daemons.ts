/** An rsync daemon and a small FTP server on loopback, for tests of who asks them. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { freePort } from './portal.ts'
import { until } from './until.ts'

export interface FileDaemon {
  /** host:port */
  place: string
  stop(): Promise<void>
}

/** Writes files under a folder, by path. */
export function writeTree(folder: string, files: Record<string, string | Buffer>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
}

/** @param module a folder, served as module `pub` */
export async function serveRsync(module: string, host = '127.0.0.1'): Promise<FileDaemon> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-rsyncd-'))
  const config = join(folder, 'rsyncd.conf')
  const port = await freePort()
  writeFileSync(config, `use chroot = no\nuid = ${process.getuid?.()}\n[pub]\npath = ${module}\n`)
  const args = ['--daemon', '--no-detach', `--config=${config}`, `--address=${host}`]
  // Where its standard input is a socket, and Node's pipes are, it takes that for its only client.
  const child = spawn('rsync', [...args, `--port=${port}`, `--log-file=${join(folder, 'log')}`], {
    stdio: 'ignore',
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const listening = () => {
    try {
      return readFileSync(join(folder, 'log'), 'utf8').includes('listening')
    } catch {
      return false
    }
  }
  await until('rsyncd listens', listening, 10_000)
  return {
    place: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    async stop() {
      child.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What a test lets the server say in place of its own answer to a command; undefined for its own. */
export type FtpPlay = (command: string, socket: Socket) => string | undefined

/** Anonymous, passive, reads only: what RFC 959 and 2428 need for a download. */
export async function serveFtp(
  root: string,
  play: FtpPlay = () => undefined,
  host = '127.0.0.1',
): Promise<FileDaemon & { commands: string[]; connections: number }> {
  const sockets = new Set<Socket>()
  const commands: string[] = []
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  }
  const file = (path: string) => join(root, normalize(`/${path}`))
  const made = { place: '', commands, connections: 0, stop: async () => {} }
  const control = createServer((socket) => {
    keep(socket)
    made.connections++
    let data: Promise<Socket> | undefined
    const say = (line: string) => socket.write(`${line}\r\n`)
    const passive = () => {
      const port = Promise.withResolvers<number>()
      data = new Promise((resolve) => {
        const listener = createServer((peer) => {
          keep(peer)
          listener.close()
          resolve(peer)
        })
        listener.listen(0, host, () => {
          const address = listener.address()
          port.resolve(typeof address === 'object' && address ? address.port : 0)
        })
      })
      return port.promise
    }
    const send = async (path: string) => {
      let bytes: Buffer
      try {
        bytes = readFileSync(file(path))
      } catch {
        say('550 No such file.')
        return
      }
      say('150 Here it comes.')
      const peer = await data
      peer?.end(bytes, () => say('226 Done.'))
    }
    const own: Record<string, (argument: string) => void> = {
      USER: () => say('331 Password, please.'),
      PASS: () => say('230 Welcome.'),
      TYPE: () => say('200 As you like.'),
      QUIT: () => socket.end('221 Bye.\r\n'),
      EPSV: () => void passive().then((port) => say(`229 Passive (|||${port}|)`)),
      RETR: (path) => void send(path),
      SIZE: (path) => {
        const found = statSync(file(path), { throwIfNoEntry: false })
        say(found ? `213 ${found.size}` : '550 No such file.')
      },
    }
    const greeting = play('connect', socket)
    say(greeting ?? '220 Harbour.')
    let rest = ''
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString()).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        commands.push(line)
        const other = play(line, socket)
        const [verb = '', ...words] = line.split(' ')
        if (other !== undefined) say(other)
        else (own[verb] ?? (() => say('502 Not here.')))(words.join(' '))
      }
    })
  })
  await new Promise<void>((resolve) => control.listen(0, host, resolve))
  const address = control.address()
  const port = typeof address === 'object' && address ? address.port : 0
  made.place = `${host.includes(':') ? `[${host}]` : host}:${port}`
  made.stop = () =>
    new Promise((resolve) => {
      control.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  return made
}
