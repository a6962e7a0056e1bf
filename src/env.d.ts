/// <reference types="astro/client" />
/** What fetch.ts hands to every page. */
declare namespace App {
  interface Locals {
    ctx: import('./kernel/context.ts').Ctx
    /** BCP 47 tag of the language that the page is written in. */
    language: string
    /** Not `t`: Starlight's middleware takes that name for its own. */
    say: import('./kernel/words.ts').Translate
    /** What the last form did, for this one page. */
    flash: import('./kernel/forms.ts').Flash | undefined
    /** Set by the page of errors, when a verb refused what a page asked. */
    refusal?: import('./kernel/errors.ts').PortalError
    /** On pages of the docs only, which have nothing of the above: they are made before anyone asks. */
    starlightRoute: import('@astrojs/starlight/route-data').StarlightRouteData
  }
}
