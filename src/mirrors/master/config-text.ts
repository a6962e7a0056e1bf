/**
 * Configuration of the daemons that serve the master's tree, as text. Nothing in it comes from mirrors but
 * networks that are written anew from their numbers. Pure.
 */
import { dirname } from 'node:path'
import ipaddr from 'ipaddr.js'

/** What the configurations are made from. */
export interface MasterFacts {
  /** Absolute path of the published tree. */
  root: string
  /** Host name under which the portal is reached. */
  host: string
  /** Networks that may pull tier 0, with the mirror that each is of. */
  sources: { cidr: string; mirror: string; expires_at: number | null }[]
}

export const daemons = ['rsyncd', 'nginx', 'vsftpd'] as const
export type Daemon = (typeof daemons)[number]

/** Whether a path means the same in every configuration file. */
export const isPlainRoot = (path: string) => /^\/[\w./@+,:~-]*$/.test(path)

/** @throws Error for a path that a configuration file could read differently */
function plainPath(path: string): string {
  if (!isPlainRoot(path))
    throw new Error(
      `${path}: the data folder's path may hold letters, digits and . _ - + , : @ ~ only`,
    )
  return path
}

const HEAD = (daemon: string) =>
  `# Made by \`slipway mirror config ${daemon}\` from the registry of mirrors: changes here are lost.`

/** Networks as rsyncd.conf(5) reads them, each with a comment; what is none is left out. */
function readSources(sources: MasterFacts['sources']): { network: string; comment: string }[] {
  return sources.flatMap(({ cidr, mirror, expires_at }) => {
    if (!ipaddr.isValidCIDR(cidr)) return []
    const [address, bits] = ipaddr.parseCIDR(cidr)
    const network = `${address.toString()}/${bits}`
    const until = expires_at === null ? 'no end' : `until ${new Date(expires_at).toISOString()}`
    const comment = `# ${network} ${mirror.replace(/[^a-z0-9.-]/g, '?')}, ${until}`
    return [{ network, comment }]
  })
}

/**
 * Module `pub` for everyone: rsync runs as nobody there by itself, so what is not readable by all is not published,
 * nor is what a push has not finished (*.part). Module `tier0`, which no list shows, for tier 1 only: it runs
 * as the tree's owner and gives what is not readable by all, too. File lists leave that out, and the portal's own
 * /pub, which reads as the owner as well, does not look at it.
 */
function rsyncd({ root, sources }: MasterFacts, options: ConfigOptions): string {
  const read = readSources(sources)
  const allowed = read.map((each) => each.network)
  const access =
    allowed.length > 0
      ? [`hosts allow = ${allowed.join(' ')}`, 'hosts deny = *']
      : ['hosts deny = *']
  return [
    HEAD('rsyncd'),
    'use chroot = yes',
    'read only = yes',
    'numeric ids = yes',
    'reverse lookup = no',
    'timeout = 600',
    `max connections = ${options.connections}`,
    'dont compress = *',
    'refuse options = checksum',
    'exclude = *.part',
    '',
    '[pub]',
    `path = ${plainPath(root)}`,
    'comment = the published tree',
    '',
    '[tier0]',
    `path = ${plainPath(root)}`,
    'list = no',
    `uid = ${options.owner}`,
    `gid = ${options.group}`,
    ...read.map((each) => each.comment),
    ...access,
    '',
  ].join('\n')
}

/**
 * One server. Metadata that a push replaces is asked for again each time, all else keeps its bytes under its
 * name. `repodata` is a link of the tree's owner; a link to what someone else owns is not followed.
 */
function nginx({ root, host }: MasterFacts, { port }: ConfigOptions): string {
  // The tree's own name is /pub, as its address is.
  const folder = plainPath(dirname(root))
  return `${HEAD('nginx')}
server {
    listen ${port ?? 80};
    listen [::]:${port ?? 80};
    server_name ${host};
    disable_symlinks if_not_owner from=${plainPath(root)};
    default_type application/octet-stream;
    etag on;
    gzip off;
    sendfile on;
    tcp_nopush on;
    server_tokens off;

    location = /pub { return 301 /pub/; }
    location /pub/ {
        root ${folder};
        autoindex on;
        add_header Cache-Control "public, max-age=86400";

        location ~ \\.part(/|$) { return 404; }
        location ~ (/repomd\\.xml(\\.asc)?|/fullfiletimelist-[^/]*)$ {
            add_header Cache-Control "no-cache";
        }
    }
    location / { return 404; }
}
`
}

/** Anonymous and read-only, shut into the tree; what is not readable by all is not served. */
function vsftpd({ root }: MasterFacts, { port }: ConfigOptions): string {
  return [
    HEAD('vsftpd'),
    'listen=NO',
    'listen_ipv6=YES',
    `listen_port=${port ?? 21}`,
    'anonymous_enable=YES',
    'no_anon_password=YES',
    'local_enable=NO',
    'write_enable=NO',
    'anon_world_readable_only=YES',
    `anon_root=${plainPath(root)}`,
    'force_dot_files=YES',
    'deny_file={*.part,*.part/*}',
    'port_enable=NO',
    'pasv_min_port=50000',
    'pasv_max_port=50999',
    'connect_from_port_20=NO',
    'max_clients=500',
    'max_per_ip=10',
    'idle_session_timeout=120',
    'data_connection_timeout=120',
    'use_localtime=NO',
    'hide_ids=YES',
    'xferlog_enable=NO',
    '',
  ].join('\n')
}

export interface ConfigOptions {
  /** Where nginx and vsftpd listen, for other than their usual ports. */
  port: number | undefined
  /** User and group that the tree belongs to. */
  owner: string
  group: string
  /** At once, each module of rsyncd. */
  connections: number
}

const writers: Record<Daemon, (facts: MasterFacts, options: ConfigOptions) => string> = {
  rsyncd,
  nginx,
  vsftpd,
}

/** @throws Error for a path that no configuration could hold */
export function configText(daemon: Daemon, facts: MasterFacts, options: ConfigOptions): string {
  return writers[daemon](facts, options)
}
