/**
 * Signs packages. rpmsign, which reads them, runs confined and without the key; where it would call gpg it asks
 * for a signature by a file. What is asked for is signed only when it is, byte for byte, the header of one of the
 * packages that were given: a package that takes rpmsign over gains nothing.
 */
import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runConfined } from '../kernel/confined.ts'
import type { App } from '../kernel/context.ts'
import { signBytes } from '../kernel/signing.ts'
import { headerDigest } from './rpm-file.ts'
import { digestFile } from './store.ts'

/** Stands where gpg would: hands the bytes out, and waits for what comes back. */
const ASK = `cat > /ask/$$.part && mv /ask/$$.part /ask/$$ || exit 1
while [ ! -e /answer/$$ ]; do sleep 0.01; done
cat /answer/$$ > "$2"
`
const PAUSE_MS = 5
/** rpm's own bound of a header. */
const ASKED_MAX_BYTES = 256 * 1024 * 1024

/**
 * Adds signatures to package files where they are. Files are replaced, so none may be linked.
 * @param work empty folder for this call
 * @param folder the packages, and nothing else
 * @throws Error when one is no package, or something else was asked to be signed
 */
export async function signPackages(app: App, work: string, folder: string): Promise<void> {
  const [ask, answer] = [join(work, 'ask'), join(work, 'answer')]
  await mkdir(ask, { recursive: true })
  await mkdir(answer)
  const script = join(work, 'ask.sh')
  await writeFile(script, ASK)
  const names = await readdir(folder)
  const known = new Set<string>()
  for (const name of names) known.add(await headerDigest(join(folder, name)))
  const over = new AbortController()
  const signing = runConfined({
    argv: [
      ...['/usr/bin/rpmsign', '--define', `_gpg_name ${app.distribution.signing.email}`],
      ...[
        '--define',
        '__gpg_sign_cmd /bin/sh sh /ask.sh %{__plaintext_filename} %{__signature_filename}',
      ],
      ...['--addsign', ...names.map((name) => `/packages/${name}`)],
    ],
    read: { '/ask.sh': script, '/answer': answer },
    write: { '/ask': ask, '/packages': folder },
    signal: over.signal,
  })
  const answering = answerAll(app, { ask, answer, known }, over.signal)
  try {
    await Promise.race([signing, answering.then(() => signing)])
  } finally {
    over.abort()
    await Promise.allSettled([signing, answering])
    for (const path of [ask, answer, script]) await rm(path, { recursive: true, force: true })
  }
}

interface Desk {
  ask: string
  answer: string
  /** Digests of what may be signed. */
  known: Set<string>
}

/** Signs what is asked for until the signal. @throws Error when it is none of what is known */
export async function answerAll(app: App, desk: Desk, signal: AbortSignal): Promise<void> {
  const done = new Set<string>()
  while (!signal.aborted) {
    for (const name of await readdir(desk.ask)) {
      if (!/^\d+$/.test(name) || done.has(name)) continue
      done.add(name)
      await answerOne(app, desk, name)
    }
    await sleep(PAUSE_MS)
  }
}

async function answerOne(app: App, desk: Desk, name: string): Promise<void> {
  const own = join(desk.answer, `${name}.asked`)
  await copyPlain(join(desk.ask, name), own)
  if (!desk.known.has(await digestFile(own)))
    throw new Error('rpmsign asked for a signature of something that is no package of this build')
  const signature = await signBytes(app, own)
  await rm(own)
  await writeFile(join(desk.answer, `${name}.part`), signature)
  await rename(join(desk.answer, `${name}.part`), join(desk.answer, name))
}

/** Copies what the confined side wrote to where it can't write: what is judged is then what is signed. */
async function copyPlain(from: string, to: string): Promise<void> {
  const file = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const found = await file.stat()
    if (!found.isFile() || found.size > ASKED_MAX_BYTES)
      throw new Error('rpmsign asked for a signature of something that is no file')
    await writeFile(to, file.createReadStream({ autoClose: false, end: ASKED_MAX_BYTES }))
  } finally {
    await file.close()
  }
}
