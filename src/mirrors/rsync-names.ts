/**
 * Names for rsync's --files-from. rsyncd 3.5.0 without a chroot finds no file by such a name when the source is
 * a folder inside its module; with the module itself as source, and the folder before `/./` in each name, every
 * version does. Pure.
 */

/**
 * @param source rsync://host/module/folder/…/
 * @param paths under the source, without slashes at their beginnings
 */
export function fromModule(
  source: string,
  paths: readonly string[],
): { source: string; names: string[] } {
  const [root = source] = /^rsync:\/\/[^/]+\/[^/]+\//.exec(source) ?? []
  const folder = source.slice(root.length).replace(/(?<!\/)\/+$/, '')
  const names = folder === '' ? [...paths] : paths.map((path) => `${folder}/./${path}`)
  return { source: root, names }
}
