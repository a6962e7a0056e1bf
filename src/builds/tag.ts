/** Tags: in which order inherited builds count. Pure. */

export interface Inheritance {
  tag_id: number
  parent_id: number
  priority: number
}

/**
 * A tag and all that it inherits from, nearest first: depth first by priority, each tag once
 * (Koji's readFullInheritance order). Cycles end where they close.
 */
export function inheritanceOrder(tag_id: number, links: Inheritance[]): number[] {
  const order: number[] = []
  const visit = (id: number) => {
    if (order.includes(id)) return
    order.push(id)
    const parents = links.filter((link) => link.tag_id === id)
    for (const link of parents.sort((a, b) => a.priority - b.priority)) visit(link.parent_id)
  }
  visit(tag_id)
  return order
}
