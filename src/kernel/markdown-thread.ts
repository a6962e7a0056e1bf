/** A thread that renders one text at a time and is ended by rendering.ts when it takes too long. */
import { parentPort } from 'node:worker_threads'
import { renderMarkdown } from './markdown.ts'

parentPort?.on('message', (text: string) => parentPort?.postMessage(renderMarkdown(text)))
