/**
 * Usernames nobody may have, without their hyphens: they would pass for the house, for a mailbox that
 * RFC 2142 reserves, or for an account of the system.
 */
export const reservedUsernames: ReadonlySet<string> = new Set(
  `
  abuse account accounts admin administrator administrators advisories advisory anonymous archive
  autopush backup blocker bootstrap builder builders builds buildsystem compose contact council
  deleted deletedaccount developer download downloads errata everyone firstadmin ftpmaster getfedora
  guest help helpdesk hostmaster infra infrastructure install installer issues koji ldap legal mailer
  mailerdaemon member members metalink mirror mirrorlist mirrormanager mirrors moderator moderators
  nobody noreply official operator owner packager packagers password people portal postgres postmaster
  press privacy project releng release releaseengineering releases repos repository robot root
  secretary security securityteam server service services session signing slipway sponsor sponsors
  staff status steering stable submitter superuser support sysadmin system systemd tasks team testing
  tester testers token tokens trust undefined unknown update updates upstream usenet username verify
  webmaster website whois worker
  `
    .trim()
    .split(/\s+/),
)
