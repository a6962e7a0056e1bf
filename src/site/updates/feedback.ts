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

/** live: it counts; changed: its author took it back or voted again; earlier: of an earlier revision. */
export type VoteStanding = 'live' | 'changed' | 'earlier'

export interface Remark {
  /** Number of the comment; null for a vote without words. */
  id: number | null
  at_ms: number
  author: string
  text: string
  /** Who hid it and why; its text is for moderators then. */
  hidden: { by: string; reason: string } | null
  /** The vote that it is or came with. */
  vote: { karma: number; standing: VoteStanding } | null
}

export interface RevisionRemarks {
  revision: number
  remarks: Remark[]
}

type CommentRow = View['comments'][number]
type VoteRow = View['votes'][number]

/** Whether a vote is the one that a comment came with: both have the same moment (votes.ts). */
const cameWith = (vote: VoteRow, { at, author, revision }: CommentRow) =>
  vote.subject === 'update' &&
  vote.at === at &&
  vote.username === author &&
  vote.revision === revision

/** Comments, and votes that came without one, oldest first, by revision, the newest revision first. */
export function remarksByRevision({ update, comments, votes }: View): RevisionRemarks[] {
  const standing = (revision: number, live: boolean): VoteStanding =>
    revision !== update.revision ? 'earlier' : live ? 'live' : 'changed'
  const said = comments.map((comment) => {
    const live = votes.some((vote) => vote.withdrawn_at === null && cameWith(vote, comment))
    const { id, at: at_ms, author, text, karma, revision } = comment
    const vote = karma === null ? null : { karma, standing: standing(revision, live) }
    const { hidden_by: by, hidden_reason } = comment
    const hidden =
      by === null ? null : { by: by.replace(/^person:/, ''), reason: hidden_reason ?? '' }
    return { revision, remark: { id, at_ms, author, text, hidden, vote } }
  })
  const silent = votes
    .filter((vote) => vote.subject === 'update')
    .filter((vote) => !comments.some((comment) => cameWith(vote, comment)))
    .map(({ at: at_ms, username: author, karma, revision, withdrawn_at }) => {
      const vote = { karma, standing: standing(revision, withdrawn_at === null) }
      return { revision, remark: { id: null, at_ms, author, text: '', hidden: null, vote } }
    })
  const all = [...said, ...silent].sort((a, b) => a.remark.at_ms - b.remark.at_ms)
  const revisions = new Set([update.revision, ...all.map((each) => each.revision)])
  return [...revisions]
    .sort((a, b) => b - a)
    .map((revision) => ({
      revision,
      remarks: all.filter((each) => each.revision === revision).map((each) => each.remark),
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
