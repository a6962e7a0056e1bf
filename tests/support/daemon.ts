/** A daemon in the foreground, of a configuration that is tested, on a port of its own. */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { until } from './until.ts'

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

/** @returns ends it, and waits until it has ended */
export async function startDaemon(
  command: string,
  args: string[],
  port: number,
): Promise<() => Promise<void>> {
  let said = ''
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const up = async () => {
    if (child.exitCode !== null) throw new Error(`${command} ended: ${said}`)
    return answers(port)
  }
  await until(`${command} answers on ${port}`, up, 15_000)
  return async () => {
    child.kill('SIGTERM')
    await ended
  }
}
