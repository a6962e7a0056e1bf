/** Programs of a supervisor end with it, also when it is killed and can't tell them. */

/**
 * The supervisor holds the other end of a channel; the system closes it when the supervisor is gone,
 * however it went. Does nothing for a program that was started by itself.
 */
export function endWithParent(): void {
  if (!process.channel) return
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  // The channel alone must not keep a program running that is done.
  process.channel.unref()
}
