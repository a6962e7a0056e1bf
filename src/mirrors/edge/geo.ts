/**
 * Countries: which one an address is in, and how far apart they are. The country database is CC0
 * (@ip-location-db/geo-whois-asn-country-mmdb); a better one, and one of ASNs, may be named.
 */
import { createRequire } from 'node:module'
import { open, type Reader, type Response } from 'maxmind'

const require = createRequire(import.meta.url)

interface CountryFacts {
  cca2: string
  latlng: [number, number]
}

/** Latitude and longitude in degrees. */
export type Place = [latitude: number, longitude: number]

const facts = new Map(
  (require('world-countries') as CountryFacts[]).map((each) => [each.cca2, each]),
)

/** Somewhere in the middle of a country; undefined for a code that is none. */
export function placeOfCountry(country: string): Place | undefined {
  return facts.get(country)?.latlng
}

export function isCountry(country: string): boolean {
  return facts.has(country)
}

const RADIUS_KM = 6371
const radians = (degrees: number) => (degrees * Math.PI) / 180

/** Along the great circle (haversine formula). */
export function distanceKm(a: Place, b: Place): number {
  const latitude = Math.sin(radians(b[0] - a[0]) / 2)
  const longitude = Math.sin(radians(b[1] - a[1]) / 2)
  const h =
    latitude * latitude + Math.cos(radians(a[0])) * Math.cos(radians(b[0])) * longitude * longitude
  return 2 * RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(h)))
}

export interface Geo {
  /** ISO 3166-1 alpha-2, or undefined where nobody knows. */
  country(address: string): string | undefined
  asn(address: string): number | undefined
}

export interface GeoFiles {
  /** An .mmdb file with `country_code` or `country.iso_code`. */
  country?: string | undefined
  /** An .mmdb file with `autonomous_system_number`. */
  asn?: string | undefined
}

interface CountryRecord extends Record<string, unknown> {
  country_code?: string
  country?: { iso_code?: string }
}

const packaged = () =>
  require.resolve('@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb')

export async function openGeo(files: GeoFiles = {}): Promise<Geo> {
  const countries = (await open(files.country ?? packaged())) as unknown as Reader<Response>
  const asns = files.asn ? ((await open(files.asn)) as unknown as Reader<Response>) : undefined
  return {
    country(address) {
      const record = countries.get(address) as CountryRecord | null
      return record?.country_code ?? record?.country?.iso_code
    },
    asn(address) {
      const record = asns?.get(address) as { autonomous_system_number?: number } | null | undefined
      return record?.autonomous_system_number
    },
  }
}
