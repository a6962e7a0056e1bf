/**
 * Everything the web answers except pages, as one Hono app: headers, session, API, files. fetch.ts adds
 * the pages behind it; tests call it with requests and no socket.
 */
import { OpenAPIHono } from '@hono/zod-openapi'
import { requestId } from 'hono/request-id'
import { subscription } from '../db/schema/kernel.ts'
import { createAccountsApi } from './accounts/api.ts'
import { createAccountForms } from './accounts/forms.ts'
import { createGroupsApi } from './accounts/group-api.ts'
import { createGroupForms } from './accounts/group-forms.ts'
import { actorFromRequest } from './accounts/sessions.ts'
import { createBrandFiles } from './brand.ts'
import { createBuildsApi } from './builds/api.ts'
import { createBuildForms } from './builds/forms.ts'
import { createCrawlerFiles } from './crawlers.ts'
import { createDownloadsApi } from './downloads/api.ts'
import { createDownloadForms } from './downloads/forms.ts'
import { createFeeds } from './feeds.ts'
import { addressOf } from './kernel/address.ts'
import type { App, Ctx } from './kernel/context.ts'
import { PortalError } from './kernel/errors.ts'
import { createEventsApi } from './kernel/events-api.ts'
import { boundedBodies, formsFromHere } from './kernel/guards.ts'
import { type HttpEnv, problem } from './kernel/http.ts'
import { chosenLanguage } from './kernel/language.ts'
import { refuseOtherMethods } from './kernel/methods.ts'
import { readableRequests } from './kernel/readable.ts'
import { scopedTokens } from './kernel/scopes.ts'
import { securedAnswers } from './kernel/security-headers.ts'
import { createMirrorsApi } from './mirrors/api.ts'
import { createEdgeApi } from './mirrors/edge-api.ts'
import { createMirrorForms } from './mirrors/forms.ts'
import { createRegistryApi } from './mirrors/registry-api.ts'
import { createOwnersApi } from './packages/api.ts'
import { createOwnerForms } from './packages/forms.ts'
import { createReleasesApi } from './releases/api.ts'
import { createReleaseFiles } from './releases/files.ts'
import { createReleaseForms } from './releases/forms.ts'
import { createLifeApi } from './releases/life-api.ts'
import { createFiles } from './repos/files.ts'
import { routeScopes } from './scopes.ts'
import { createStatusApi } from './status/api.ts'
import { createStatusForms } from './status/forms.ts'
import { createTasksApi } from './tasks/api.ts'
import { createBuilderApi } from './tasks/builder-api.ts'
import { createBuildersApi } from './tasks/builders-api.ts'
import { createUpdatesApi } from './updates/api.ts'
import { createUpdateForms } from './updates/forms.ts'
import { createOverridesApi } from './updates/overrides-api.ts'
import { createPackagesApi } from './updates/packages-api.ts'
import { createPushForms } from './updates/push-forms.ts'

export function createPortal(app: App): OpenAPIHono<HttpEnv> {
  const portal = new OpenAPIHono<HttpEnv>()
  portal.onError((error, c) => problem(c, error))

  portal.use(requestId())
  portal.use(securedAnswers(app.config))
  portal.use(async (c, next) => {
    const address = addressOf(c.req.raw, app.config.trusted_proxies)
    const nobody: Ctx = { app, actor: { kind: 'anonymous' }, requestId: c.get('requestId') }
    c.set('ctx', { ...nobody, ...(address && { address }) })
    c.set('ctx', { ...c.get('ctx'), actor: await actorFromRequest(app, c.req.raw) })
    await next()
  })
  portal.use(scopedTokens(portal, routeScopes))
  portal.use(...chosenLanguage(app.config, app.words.languages))
  portal.use(formsFromHere(app.config))
  portal.use(boundedBodies())
  portal.use(readableRequests())

  portal.get('/healthz', async (c) => {
    await app.db.$count(subscription)
    return c.json({ status: 'ok' })
  })
  portal.route('/api', createAccountsApi())
  portal.route('/', createAccountForms())
  portal.route('/api', createGroupsApi())
  portal.route('/', createGroupForms())
  portal.route('/api/builder', createBuilderApi())
  portal.route('/api', createTasksApi())
  portal.route('/api', createBuildersApi())
  portal.route('/api', createBuildsApi())
  portal.route('/api', createUpdatesApi())
  portal.route('/api', createOverridesApi())
  portal.route('/api', createPackagesApi())
  portal.route('/api', createOwnersApi())
  portal.route('/', createOwnerForms())
  portal.route('/api', createDownloadsApi())
  portal.route('/', createDownloadForms())
  portal.route('/api', createEventsApi())
  portal.route('/api', createStatusApi())
  portal.route('/', createStatusForms())
  portal.route('/api', createEdgeApi())
  portal.route('/', createMirrorForms())
  portal.route('/', createMirrorsApi(app))
  // After the two above: what they name under /api/mirrors is no mirror's name.
  portal.route('/api', createRegistryApi())
  portal.route('/api', createReleasesApi())
  portal.route('/api', createLifeApi())
  portal.route('/', createReleaseFiles())
  portal.route('/', createReleaseForms())
  portal.route('/', createUpdateForms())
  portal.route('/', createPushForms())
  portal.route('/', createBuildForms())
  portal.route('/', createCrawlerFiles(app))
  portal.route('/brand', createBrandFiles(app))
  portal.route('/feeds', createFeeds())
  portal.route('/pub', createFiles(app))
  portal.doc31('/api/openapi.json', {
    openapi: '3.1.0',
    info: { title: `${app.distribution.name} portal`, version: '1' },
  })
  portal.use(refuseOtherMethods(portal))
  portal.all('/api/*', (c) => problem(c, new PortalError('not-found')))
  return portal
}
