/** What every page finds in Astro.locals; src/fetch.ts puts it there. */
/// <reference types="astro/client" />

declare namespace App {
  interface Locals {
    ctx: import('./kernel/context.ts').Ctx
    /** BCP 47 tag of the language that the page is written in. */
    language: string
  }
}
