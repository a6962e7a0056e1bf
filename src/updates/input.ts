/** What people may say of an update, with its bounds. Pure. */
import { z } from 'zod'
import { severities, updateTypes } from './update.ts'

const line = (max: number) =>
  z
    .string()
    .trim()
    .max(max)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'must be one line without control characters')

/** Markdown that people write: notes and comments. */
export const markdownText = z.string().trim().max(50_000)

const bug = z.object({
  url: z.url({ protocol: /^https?$/ }).max(500),
  number: line(50).optional(),
  title: line(300).default(''),
  required: z.boolean().default(false),
})

const testcase = z.object({ name: line(200).min(1), required: z.boolean().default(false) })

/** CVE-2026-12345, as the CVE list writes them. */
export const cve = z.string().regex(/^CVE-\d{4}-\d{4,19}$/)

export const updateInput = z.strictObject({
  builds: z.array(line(300).min(1)).min(1).max(200),
  title: line(300).default(''),
  notes: markdownText.min(1, 'say what changed and what testers should look at'),
  type: z.enum(updateTypes),
  severity: z.enum(severities).default('unspecified'),
  stable_karma: z.int().min(1).max(100).optional(),
  unstable_karma: z.int().min(-100).max(-1).optional(),
  autokarma: z.boolean().default(true),
  autotime: z.boolean().default(true),
  require_bugs: z.boolean().default(false),
  require_testcases: z.boolean().default(false),
  bugs: z.array(bug).max(200).default([]),
  testcases: z.array(testcase).max(100).default([]),
  cves: z.array(cve).max(200).default([]),
  /** Clients tell people to reboot after it. */
  reboot_suggested: z.boolean().default(false),
  upstream_advisory: line(100).optional(),
})
export type UpdateInput = z.output<typeof updateInput>

/**
 * An edit names only what it changes. No defaults here: a field that is absent stays as it is, and what is absent
 * from a list that is there is gone. What is no field of an update, or can't be changed, is refused by name.
 */
export const updateEdit = z
  .strictObject({
    builds: z.array(line(300).min(1)).min(1).max(200),
    title: line(300).min(1),
    notes: markdownText.min(1),
    type: z.enum(updateTypes),
    severity: z.enum(severities),
    stable_karma: z.int().min(1).max(100),
    unstable_karma: z.int().min(-100).max(-1),
    autokarma: z.boolean(),
    autotime: z.boolean(),
    require_bugs: z.boolean(),
    require_testcases: z.boolean(),
    bugs: z.array(bug).max(200),
    testcases: z.array(testcase).max(100),
    cves: z.array(cve).max(200),
    reboot_suggested: z.boolean(),
    upstream_advisory: line(100),
  })
  .partial()
export type UpdateEdit = z.output<typeof updateEdit>
