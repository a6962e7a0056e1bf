/** Where builds come from: the packages in content/, git, and source packages that people upload. */
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Blob, blobPath, putBlob, renewBlob } from '../kernel/blobs.ts'
import type { App } from '../kernel/context.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { reason } from '../kernel/reason.ts'
import { publicKey } from '../kernel/signing.ts'
import { checkGitRef, checkGitUrl } from '../kernel/source-url.ts'
import { renderedName, renderSource } from '../kernel/template.ts'
import { contentPackages } from '../packages/names.ts'
import type { Source, SourceFile } from './build.ts'

/** Largest source package that one may upload. */
export const MAX_SRPM_BYTES = 2 * 1024 ** 3

const packageName = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/

async function sourceVariables(app: App): Promise<Record<string, string>> {
  const { distribution, config } = app
  const [release] = distribution.releases
  return {
    URL: config.url,
    NAME: distribution.name,
    ID: distribution.id,
    VENDOR: distribution.vendor,
    VERSION: release?.version ?? '',
    CODENAME: release?.codename ?? '',
    DIST: release?.dist ?? '',
    PUBLIC_KEY: await publicKey(app),
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

/** A package's folder in the content folder. @throws PortalError package.unknown */
async function contentFolder(app: App, name: string): Promise<string> {
  if (!packageName.test(name) || !(await contentPackages(app)).includes(name))
    throw new PortalError('package.unknown', { field: 'package', params: { name } })
  return join(app.config.content_dir, 'packages', name)
}

/** Names of the files that a package in content/ is built from, its spec first; empty where it has none there. */
export async function contentFiles(app: App, name: string): Promise<string[]> {
  const folder = await contentFolder(app, name).catch(() => undefined)
  if (folder === undefined) return []
  const names = (await readdir(folder)).map((entry) => renderedName(entry) ?? entry).sort()
  return [...names.filter(isSpec), ...names.filter((each) => !isSpec(each))]
}

const isSpec = (name: string) => name.endsWith('.spec')

/** One of these files as it goes into the build, templates filled in. @throws PortalError not-found */
export async function contentFile(app: App, name: string, file: string): Promise<Buffer> {
  if (!(await contentFiles(app, name)).includes(file)) throw new PortalError('not-found')
  const folder = await contentFolder(app, name)
  const written = (await readdir(folder)).find((each) => (renderedName(each) ?? each) === file)
  return renderedFile(app, folder, written ?? file)
}

async function renderedFile(app: App, folder: string, entry: string): Promise<Buffer> {
  const bytes = await readFile(join(folder, entry))
  if (renderedName(entry) === undefined) return bytes
  return Buffer.from(renderSource(bytes.toString(), await sourceVariables(app)))
}

/**
 * Takes a package's files from content/packages/<name>, templates filled in, into the source store.
 * @throws PortalError package.unknown
 */
export async function takeContentSource(app: App, name: string): Promise<Source> {
  const folder = await contentFolder(app, name)
  const files: SourceFile[] = []
  for (const entry of (await readdir(folder)).sort()) {
    const content = await renderedFile(app, folder, entry)
    files.push({ name: renderedName(entry) ?? entry, ...(await keep(app, content)) })
  }
  const spec = files.find((file) => isSpec(file.name))
  if (!spec) throw new PortalError('build.source-refused', { reasons: [reason('build.no-spec')] })
  return { kind: 'files', spec: spec.name, files }
}

function keep(app: App, content: Uint8Array): Promise<Blob> {
  return putBlob(app, 'sources', once(content), { max_bytes: content.length })
}

/** A git source after the checks that need no network. @throws PortalError input.invalid */
export function takeGitSource(app: App, url: string, ref: string): Source {
  const [badUrl] = checkGitUrl(url, app.config.private_sources)
  if (badUrl) throw invalid('url', badUrl)
  const [badRef] = checkGitRef(ref)
  if (badRef) throw invalid('ref', badRef)
  return { kind: 'git', url, ref }
}

/** A source package that was uploaded before. @throws PortalError input.invalid */
export async function takeUploadedSource(
  app: App,
  file: { filename: string; sha256: string; size_bytes: number },
): Promise<Source> {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._+~^-]{0,240}\.src\.rpm$/.test(file.filename))
    throw invalid('filename', reason('build.srpm-name'))
  if (!(await renewBlob(app.config, 'sources', file.sha256)))
    throw invalid('sha256', reason('build.srpm-unknown'))
  const head = await readHead(blobPath(app.config, 'sources', file.sha256))
  if (!isSourceRpm(head)) throw invalid('file', reason('build.srpm-format'))
  return { kind: 'srpm', ...file }
}

async function readHead(path: string): Promise<Buffer> {
  const handle = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(96), 0, 96, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** rpm's lead: magic ed ab ee db, then at byte 6 the type, 1 for source (rpm's format manual). */
export function isSourceRpm(head: Uint8Array): boolean {
  const magic = [0xed, 0xab, 0xee, 0xdb]
  return head.length >= 96 && magic.every((byte, at) => head[at] === byte) && head[7] === 1
}
