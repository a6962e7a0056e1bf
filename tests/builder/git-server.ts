/** A git server on loopback: git's own http-backend (git-http-backend(1)) behind node's HTTP server. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'

const backend = join(
  execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(),
  'git-http-backend',
)

/** Hands a CGI answer on: headers, an empty line, the body. */
function answer(response: ServerResponse, output: Buffer): void {
  const end = output.indexOf('\r\n\r\n')
  const headers = output.subarray(0, end).toString('latin1').split('\r\n')
  for (const header of headers) {
    const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(header) ?? []
    if (name === 'Status') response.statusCode = Number.parseInt(value, 10)
    else response.setHeader(name, value)
  }
  response.end(output.subarray(end + 4))
}

function runBackend(request: IncomingMessage, response: ServerResponse, folder: string): void {
  const [path = '', query = ''] = (request.url ?? '').split('?')
  const child = spawn(backend, {
    env: {
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      PATH: process.env.PATH,
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  request.pipe(child.stdin)
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.on('close', () => answer(response, Buffer.concat(chunks)))
}

/** Makes a repository with these files (path -> content) and a tag v1. @returns its commit */
export function makeRepository(folder: string, files: Record<string, string>): string {
  const git = (...rest: string[]) => {
    const identity = [
      '-c',
      'user.name=Test',
      '-c',
      'user.email=test@slipway.example',
      '-c',
      'safe.directory=*',
    ]
    return execFileSync('git', ['-C', folder, ...identity, ...rest], { encoding: 'utf8' }).trim()
  }
  mkdirSync(folder, { recursive: true })
  git('init', '--quiet', '--initial-branch=main')
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  git('add', '--all')
  git('commit', '--quiet', '--message=Add')
  git('tag', 'v1')
  return git('rev-parse', 'HEAD')
}

/** @param redirect answers `/away/…` with a redirect to this address */
export async function serveGit(folder: string, redirect: string) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    if (!request.url?.startsWith('/away/')) return runBackend(request, response, folder)
    response.writeHead(302, { location: `${redirect}${request.url.slice('/away'.length)}` }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { host, asked, close: () => server.close() }
}
