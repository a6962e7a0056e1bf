/** What an update's page shows of feedback, put together from the view; pure. */
import { type UpdateRequest, updateRequests, VOTABLE } from '../../updates/update.ts'
import type { viewUpdate } from '../../updates/updates.ts'

type View = Awaited<ReturnType<typeof viewUpdate>>

export interface Part {
  kind: 'bug' | 'testcase'
  /** As votes name it. */
  subject: string
  label: string
  href: string | null
  required: boolean
  /** Sum of the votes that count. */
  net: number
  /** Of the one who looks. */
  own: number | null
}

/** The live vote of a person on a subject of this revision. */
export function ownVote(view: View, username: string | null, subject: string): number | null {
  const { update, votes } = view
  const own = votes.find(
    (vote) =>
      vote.username === username &&
      vote.subject === subject &&
      vote.revision === update.revision &&
      vote.withdrawn_at === null,
  )
  return own?.karma ?? null
}

/** Bugs and test cases in the order of the view's facts, which are made from the same rows. */
export function partsOfUpdate(view: View, username: string | null) {
  const bugs = view.bugs.map((bug, i): Part => {
    const subject = `bug:${bug.id}`
    const label = [bug.number, bug.title].filter(Boolean).join(': ') || bug.url
    const { net = 0, required = false } = view.facts.bugs[i] ?? {}
    return {
      ...{ kind: 'bug', subject, label, href: bug.url, required, net },
      own: ownVote(view, username, subject),
    }
  })
  const testcases = view.testcases.map((each, i): Part => {
    const subject = `testcase:${each.id}`
    const { net = 0, required = false } = view.facts.testcases[i] ?? {}
    return {
      ...{ kind: 'testcase', subject, label: each.name, href: null, required, net },
      own: ownVote(view, username, subject),
    }
  })
  return [
    { kind: 'bug' as const, parts: bugs },
    { kind: 'testcase' as const, parts: testcases },
  ]
}

export interface Remark {
  at_ms: number
  author: string
  /** Of the vote that came with it, or of a vote without words. */
  karma: number | null
  text: string
  withdrawn: boolean
  /** Number of the comment; null for a vote without words. */
  id: number | null
}

export interface RevisionRemarks {
  revision: number
  /** Votes of earlier revisions are kept and do not count. */
  counts: boolean
  remarks: Remark[]
}

/** Comments, and votes that came without one, oldest first, by revision, the newest revision first. */
export function remarksByRevision({ update, comments, votes }: View): RevisionRemarks[] {
  const byRevision = new Map<number, Remark[]>([[update.revision, []]])
  const add = (revision: number, remark: Remark) => {
    byRevision.set(revision, [...(byRevision.get(revision) ?? []), remark])
  }
  for (const { id, revision, author, text, karma, at } of comments)
    add(revision, { id, at_ms: at, author, karma, text, withdrawn: false })
  for (const vote of votes) {
    if (vote.subject !== 'update') continue
    const said = comments.some(
      (each) => each.at === vote.at && each.author === vote.username && each.karma === vote.karma,
    )
    if (said && vote.withdrawn_at === null) continue
    const withdrawn = vote.withdrawn_at !== null
    const { username: author, karma, at: at_ms } = vote
    add(vote.revision, { id: null, at_ms, author, karma, text: '', withdrawn })
  }
  return [...byRevision]
    .sort(([a], [b]) => b - a)
    .map(([revision, remarks]) => ({
      revision,
      counts: revision === update.revision,
      remarks: remarks.sort((a, b) => a.at_ms - b.at_ms),
    }))
}

/** Whether this person's vote would count here, as votes.ts decides. */
export function mayVoteOn({ update }: View, person_id: number | null): boolean {
  return person_id !== null && VOTABLE.includes(update.status) && person_id !== update.submitter_id
}

/** Requests that make sense to offer in a status; what each still lacks is the verb's to say. */
export function offeredRequests({ update }: View): UpdateRequest[] {
  if (update.push_id !== null) return []
  const byStatus: Record<string, UpdateRequest[]> = {
    pending: update.request ? ['revoke', 'unpush'] : ['testing', 'unpush'],
    testing: update.request ? ['revoke', 'unpush'] : ['stable', 'unpush'],
    unpushed: ['testing'],
  }
  return updateRequests.filter((each) => byStatus[update.status]?.includes(each))
}
