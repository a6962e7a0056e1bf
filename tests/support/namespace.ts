/** A network namespace joined to this host by a pair of virtual cables; root only. */
import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' })

export interface Namespace {
  /** Address in it, and this host's as seen from it. */
  address: string
  host: string
  /** Runs a program in it. @throws Error with what it printed */
  run(command: string, args: string[]): Promise<string>
  end(): void
}

/** @param number of it within this process: another network each, in 10.203.0.0/16 */
export function createNamespace(number: number): Namespace {
  const id = `sw${process.pid % 100_000}n${number}`
  const network = `10.203.${process.pid % 250}.${number * 4}`
  const base = network.slice(0, network.lastIndexOf('.'))
  const [host, address] = [`${base}.${number * 4 + 1}`, `${base}.${number * 4 + 2}`]
  const end = () => {
    // Its cable goes with it.
    execFileSync('ip', ['netns', 'del', id], { stdio: 'ignore' })
  }
  ip('netns', 'add', id)
  try {
    ip('link', 'add', `${id}h`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', id)
    ip('addr', 'add', `${host}/30`, 'dev', `${id}h`)
    ip('link', 'set', `${id}h`, 'up')
    ip('-n', id, 'addr', 'add', `${address}/30`, 'dev', 'eth0')
    ip('-n', id, 'link', 'set', 'eth0', 'up')
    ip('-n', id, 'link', 'set', 'lo', 'up')
  } catch (error) {
    end()
    throw error
  }
  return {
    ...{ address, host, end },
    async run(command, args) {
      const { stdout } = await run('ip', ['netns', 'exec', id, command, ...args])
      return stdout
    },
  }
}
